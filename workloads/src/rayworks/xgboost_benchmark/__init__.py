"""Gradient-boosted trees on a generated table: training and prediction, timed."""
