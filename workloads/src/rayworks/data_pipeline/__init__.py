"""A table generated, normalised and written as Parquet by Ray's tasks, in bounded memory."""
