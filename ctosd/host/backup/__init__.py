"""Backups of the store: copied while the daemon writes, verified, and put back."""
