"""Pure rules: no I/O, a second in all."""
