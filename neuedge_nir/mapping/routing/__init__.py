"""Multicast: trees over routers, their second try where links are hot, and the tables that carry them."""
