"""Talking to channels: whose account, with which keys, what is asked, and how it went."""
