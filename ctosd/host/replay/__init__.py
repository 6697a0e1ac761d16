"""`ctosctl replay`: a flight recording, or a journal, read again: told to a person, and proved.

`tape` loads a recording, `timeline` tells it, `decisions`, `frames` and `orders` do everything in it again and compare,
`market` makes a recorded market of it, `ledger` folds a whole journal.
"""
