"""Benchmarks: a table for people, then one line of JSON. `python -m bench [name …]`."""
