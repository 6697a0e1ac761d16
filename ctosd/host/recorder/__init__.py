"""The flight recorder: the last minutes' frames, requests, events, decisions and rows, frozen to disk on any fault.

`ring` holds them, `taps` are where they are heard, `scrubber` takes the secrets out, `flightfile` is the file, and
`recorder` decides when to freeze. `ctosctl replay` reads what it leaves (`ctosd.host.replay`).
"""
