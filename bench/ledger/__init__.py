"""The ledger under load: what bookings, hot accounts and crashes cost, and what proof takes."""
