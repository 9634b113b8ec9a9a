"""Lanes: one channel that hangs holds up its own payments, and nobody else's."""
