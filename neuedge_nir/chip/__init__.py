"""A chip as a value: topology, limits, capabilities, costs, each number with its source."""
