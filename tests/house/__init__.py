"""The house itself: imports, sizes, SQL, topology and style."""
