"""Ring 4, the world: files, sockets, YAML, SQLite, HTTP."""
