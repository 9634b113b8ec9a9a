"""The bench: real processes under load, what each of them costs, and whether every fen is there."""
