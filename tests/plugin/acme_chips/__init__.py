"""Acme's chips and passes for neuedge-nir."""
