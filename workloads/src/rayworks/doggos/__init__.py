"""Which dog is it: CLIP embeddings, a small classifier over them, and how well it does."""
