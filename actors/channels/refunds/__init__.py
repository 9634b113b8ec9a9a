"""Refunds: having a channel give money back, until its own word ends it."""
