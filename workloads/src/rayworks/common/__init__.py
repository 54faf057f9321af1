"""What the workloads share: errors, storage, progress, and the way to Ray."""
