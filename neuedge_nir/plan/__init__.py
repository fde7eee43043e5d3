"""The plan: what goes where, canonical bytes, and the independent checker."""
