"""Fashion-MNIST with a small fully connected network, data-parallel over Ray Train's workers."""
