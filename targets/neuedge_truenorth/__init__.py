"""IBM TrueNorth: its chip file, and the target that carries it."""
