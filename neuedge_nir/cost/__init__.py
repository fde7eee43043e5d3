"""Plan x Activity x Chip -> CostReport."""
