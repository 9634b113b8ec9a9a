"""What travels, byte for byte, and that older and newer readers understand each other."""
