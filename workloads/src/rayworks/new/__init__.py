"""A workload of your own, begun as a copy of the smallest."""
