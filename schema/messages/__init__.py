"""The contracts between rooms: one file per owner, the sole publisher of what stands in it."""
