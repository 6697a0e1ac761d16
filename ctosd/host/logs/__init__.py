"""Logs: one hub of loggers, a ring of the newest lines, a console and a file that never hold up the loop."""
