"""The control socket: who may come in, which routes there are, and /proc."""
