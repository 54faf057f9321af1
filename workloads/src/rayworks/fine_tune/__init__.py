"""A causal language model from transformers, fine-tuned on text with its state sharded by rank."""
