"""What every script shares: paths, errors, running commands, kubectl and temporary files."""
