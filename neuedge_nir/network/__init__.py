"""Populations, projections and the closed-form counts over them."""
