"""The ledger under load: what a booking, hot accounts and crashes cost, and how fast the proof is."""
