"""The service manager's notification socket: readiness, status, watchdog (sd_notify(3)).

One datagram of ``KEY=VALUE`` lines to $NOTIFY_SOCKET, a path or an abstract name. Without one, every call does nothing.
Sending never blocks and never raises: a daemon does not stop trading because its manager is slow.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any


class Notifier:
    """Tells the service manager how we are. `interval_s` is how often `watchdog` must be called; 0 when nobody watches."""

    def __init__(self, address: str = "", interval_s: float = 0.0) -> None:
        self.interval_s = interval_s
        self.sent = 0
        self.failed = ""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            with contextlib.suppress(OSError):
                self._socket = socket.socket(
                    socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
                )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int | None = None) -> Notifier:
        """As the manager asks in `environ`. Its watchdog is ours only if $WATCHDOG_PID is unset or our own."""
        address = environ.get("NOTIFY_SOCKET", "")
        ours = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
        usec = environ.get("WATCHDOG_USEC", "")
        # sd_watchdog_enabled(3): "it is recommended that a daemon sends a keep-alive every half of the time"
        return cls(address, int(usec) / 2e6 if address and ours and usec.isdecimal() else 0.0)

    @property
    def enabled(self) -> bool:
        return self._socket is not None

    def ready(self, status: str = "") -> bool:
        """Start-up, or a reload, is over."""
        return self._send("READY=1", status)

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self._send("", status)

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", status)

    def reloading(self, monotonic_usec: int) -> bool:
        """A reload begins; `ready` must follow. The time is CLOCK_MONOTONIC's, in microseconds."""
        return self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_usec}")

    def watchdog(self) -> bool:
        """We are alive: call it on evidence of that only."""
        return self._send("WATCHDOG=1")

    def trigger(self) -> bool:
        """We are broken: have the manager act as if the watchdog had run out."""
        return self._send("WATCHDOG=trigger")

    def extend(self, seconds: float) -> bool:
        """Start or stop takes longer: allow `seconds` from now."""
        return self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def statistics(self) -> Mapping[str, Any]:
        return {"enabled": self.enabled, "sent": self.sent, "failed": self.failed, "interval_s": self.interval_s}

    def _send(self, state: str, status: str = "") -> bool:
        """Whether the datagram left, which says nothing about what the manager makes of it."""
        if self._socket is None:
            return False
        told = f"STATUS={' '.join(status.split())}" if status else ""
        message = "\n".join(part for part in (state, told) if part)
        try:
            self._socket.sendto(message.encode("utf-8", "replace"), self._address)
        except (OSError, ValueError) as error:  # ValueError: a path with a zero byte in it
            self.failed = str(error) or type(error).__name__
            return False
        self.sent += 1
        return True
