"""The smallest workload: one to see Ray work by, and what `rayworks new` copies."""
