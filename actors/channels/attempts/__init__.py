"""Attempts: having one payment paid through one channel, from the first call to its end."""
