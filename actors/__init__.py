"""The rooms: each decides one thing, owns its tables, and opens into no other."""
