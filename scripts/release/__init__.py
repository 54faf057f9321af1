"""Releases: pipelines, images and charts, from what is in the repository to what others install."""
