"""Hyper-parameters of fashion-mnist, searched by Ray Tune with early stopping (ASHA)."""
