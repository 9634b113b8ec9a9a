"""The merchants' door: REST over signed HTTP. It asks and reads; it decides nothing about money."""
