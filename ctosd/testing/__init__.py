"""A kit for authors of drivers and strategies."""
