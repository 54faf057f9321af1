"""A service that answers its process id, to watch how it recovers from failures."""
