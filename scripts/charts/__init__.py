"""What the charts are made and checked with: CRDs, schemas, READMEs, `python -m charts check`."""
