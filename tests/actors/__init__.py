"""Rooms on a real database, without a broker."""
