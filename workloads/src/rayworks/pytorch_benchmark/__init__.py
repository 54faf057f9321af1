"""A small network on generated images: training and prediction, timed."""
