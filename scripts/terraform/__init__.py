"""Terraform of the clouds: checks, generated files, and the providers that both stand on."""
