"""Training of classifiers of grey images: the workloads bring the network and the data set."""
