"""What a user demands of a mapping: pins, neighbours, dead and spare cores."""
