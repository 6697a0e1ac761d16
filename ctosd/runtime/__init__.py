"""Ring 3, the services that stand on the kernel."""
