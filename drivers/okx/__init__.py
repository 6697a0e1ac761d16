"""OKX: everything that is peculiar to this venue."""

from drivers.okx.driver import Okx

__all__ = ["Okx"]
