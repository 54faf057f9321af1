"""The smallest service: one to see the platform work by, and to copy."""
