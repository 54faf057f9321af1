"""A table generated, normalised and written as Parquet by Ray Data, in bounded memory."""
