"""MNIST: a small convolutional network, trained with Ray Train, and served with Ray Serve."""
