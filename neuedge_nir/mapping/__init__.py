"""Network x Chip -> Partition -> Placement -> Routing."""
