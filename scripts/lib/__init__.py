"""What every script shares: paths, errors, running commands, and showing progress."""
