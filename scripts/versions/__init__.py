"""Versions: one file that says where each is pinned, a table of them, and what disagrees."""
