"""One account of the venue: its name, its credentials, and what is known of its orders and positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctosd.abi import AuthFailed
from drivers.okx.conditionals import Conditionals
from drivers.okx.limits import scope
from drivers.okx.listing import Listing
from drivers.okx.positions import Positions
from drivers.okx.sign import Signer


class Account:
    """`name` is the full one, such as ``okx/main``."""

    def __init__(self, name: str, signer: Signer | None, listing: Listing) -> None:
        self.name = name
        self.conditionals = Conditionals()
        self.positions = Positions(name, listing)
        self.guarded: set[str] = set()  # symbols under the dead-man switch
        self._signer = signer
        self._costs: dict[tuple[str, str], str] = {}

    @property
    def has_keys(self) -> bool:
        return self._signer is not None

    @property
    def signer(self) -> Signer:
        """Raises `AuthFailed` when there are no credentials."""
        if self._signer is None:
            raise AuthFailed(
                f"{self.name} has no credentials: write api_key, api_secret and passphrase in accounts.yaml"
            )
        return self._signer

    def scope(self, limit: str, native: str = "") -> str:
        """The name of a limit for this account."""
        key = limit, native
        found = self._costs.get(key)
        if found is None:
            found = self._costs[key] = scope(limit, self.name, native)
        return found

    def cost(self, limit: str, native: str = "", tokens: float = 1.0) -> tuple[tuple[str, float], ...]:
        return ((self.scope(limit, native), tokens),)

    def statistics(self) -> Mapping[str, Any]:
        return {"keys": self.has_keys, "armed": len(self.conditionals.armed), "guarded": sorted(self.guarded)}
