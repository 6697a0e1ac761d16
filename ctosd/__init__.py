"""CTOS: an operating system for crypto trading. `ctosd` is its init.

The rings, innermost first; a ring imports only what lies inside it:

- ``abi``      the promise: what drivers and strategies import
- ``core``     the law: pure functions and values
- ``kernel``   the scheduler: asyncio and ports, unchanged on a virtual clock
- ``runtime``  the services: execution engine, reports
- ``host``     the world: files, sockets, YAML, SQLite, HTTP
- ``boot``     the only module that knows every name
- ``ctl``      ``ctosctl``, beside the rings: the standard library only
"""

__version__ = "0.1.0"
