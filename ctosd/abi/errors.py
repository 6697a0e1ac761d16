"""The exceptions of CTOS. The one that is raised chooses what the kernel does next.

- `CtosError`: the root of all
    - `NotReady`: try again with back-off
        - `NotSent`: proved that no byte left
        - `NoAnswer`: something left, and its answer did not come whole; of a read that is harmless, of a write `Unknown`
    - `AuthFailed`: credentials refused; do not retry, say so
    - `Misconfigured`: permanent; a person must change something
    - `CallerMistake`: a syscall was called wrongly; nothing was sent
    - `Fenced`: the handle of this strategy was revoked; nothing was sent
    - `InvariantBroken`: our own law is violated; the daemon ends with exit code 70

The outcome of a command is never an exception: see `ctosd.abi.commands.Outcome`.
"""


class CtosError(Exception):
    """Root of every error that CTOS raises on purpose."""


class NotReady(CtosError):
    """A driver or a strategy cannot start now; its supervisor tries again with back-off."""


class NotSent(NotReady):
    """No byte of the request left this machine: there was no connection to write to."""


class NoAnswer(NotReady):
    """A request may have arrived, and its answer did not come whole. After a write the outcome is `Unknown`."""


class AuthFailed(CtosError):
    """The venue refused the credentials; retrying cannot help."""


class Misconfigured(CtosError):
    """The configuration asks for what cannot be; retrying cannot help."""


class CallerMistake(CtosError, ValueError):
    """A syscall got arguments that no venue could understand (unknown symbol, negative size)."""


class Fenced(CtosError):
    """The strategy's handle was revoked: it was stopped, parked or fenced."""


class InvariantBroken(CtosError):
    """A law of the house is broken; going on would risk money."""
