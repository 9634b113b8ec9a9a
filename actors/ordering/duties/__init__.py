"""What ordering does by the clock beside its messages. Every worker has all of it."""
