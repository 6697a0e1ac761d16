"""Ring 2, the scheduler: asyncio and ports only; it runs unchanged on a virtual clock."""
