"""Clusters onto chips: which share one, and which chip of a system is where."""
