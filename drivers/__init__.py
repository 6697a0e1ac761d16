"""One folder per exchange, with all of its peculiarities inside."""
