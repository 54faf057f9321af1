"""The site of the documentation: the repository's own pages, with what links lead to elsewhere."""
