"""The continuous proof of the books: every promise of the ledger, asked of the database again.

What is written once and never changed (batches, bookings, entries) is walked through page by page,
outside any long transaction; what changes (accounts, holds, payouts) is compared in one snapshot.
A look at what is new takes the same steps as one at everything, from a later batch on.
"""
