"""Tables of what was traded, from the journal alone: complete, exact, and only ever appended to."""
