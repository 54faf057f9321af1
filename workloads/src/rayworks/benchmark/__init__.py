"""Train, then predict, and time both: the workloads bring the table and the framework."""
