"""What the charts are generated and checked with: CRDs, schemas, READMEs, `python -m charts
check`.
"""
