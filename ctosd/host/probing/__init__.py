"""What `ctosctl probe` does: every step on the way to a venue on its own, from the name look-up to the account.

- ``check``        what a step found, as values
- ``way``          names, connections, TLS, HTTP and WebSockets, directly or through a proxy
- ``certificate``  what is wrong with a certificate, in words
- ``pace``         no more connections at once than venues take
- ``trial``        the venue's own driver, started for a look: clock, market data, accounts
- ``orders``       far-off orders that the running daemon places and cancels
- ``page``         all of it for a person
"""
