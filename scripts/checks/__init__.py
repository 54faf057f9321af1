"""The checks behind `make check`, `make test` and `make test-full`, and how long each took."""
