"""A plan as a page to look at: one HTML file that needs nothing else and asks no network."""
