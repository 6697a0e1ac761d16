"""Ring 1, the law: pure functions and values. No loop, no clock, no socket, no logger."""
