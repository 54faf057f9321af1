"""The pinned tools, Debian packages and virtual environments that everything else stands on.

It runs before any of them exists: on the system's Python, with the standard library alone.
"""
