"""The pipes, on a real broker and database: crash points, redelivery, poison, clean stops."""
