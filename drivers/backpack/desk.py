"""The parts of one running driver, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctosd.abi import Misconfigured, Ports, topic
from drivers.backpack.account import Account
from drivers.backpack.books import Books
from drivers.backpack.clearing import Clearing
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import BackpackConfig
from drivers.backpack.listing import Listing
from drivers.backpack.marketdata import MarketData
from drivers.backpack.preflight import Preflight
from drivers.backpack.private import PrivateDecoder
from drivers.backpack.queries import Queries
from drivers.backpack.rest import Rest
from drivers.backpack.sign import Signer
from drivers.backpack.standing import Standing
from drivers.backpack.streams import PrivateDialect, PublicDialect
from drivers.backpack.trading import Trading
from drivers.backpack.upkeep import Upkeep
from drivers.backpack.wire import Decoder


class Desk:
    """One venue with its accounts."""

    def __init__(
        self, config: BackpackConfig, endpoints: Mapping[str, str], accounts: Sequence[Account], ports: Ports
    ) -> None:
        if ports.store is None:
            raise Misconfigured(f"{ports.venue} keeps the numbers of its orders in a store, and none was handed to it")
        self.accounts = {account.name: account for account in accounts}
        self._ports = ports
        self._config = config
        clock, venue = ports.clock, ports.venue
        self.rest = Rest(endpoints["rest"], config, ports)
        self.listing = Listing(venue)
        self.decoder = Decoder(venue, lambda: self.listing.by_native)
        self.ids = ClientIds(ports.store, clock.now_ns())
        self.market = MarketData(self.rest, self.listing, self.decoder, clock)
        self.queries = Queries(self.rest, self.listing, self.ids, clock)
        self.trading = Trading(self.rest, self.listing, self.ids, clock, ports.log)
        self.clearing = Clearing(self.rest, self.listing, self.queries, clock)
        self.preflight = Preflight(self.rest, self.listing, self.queries)
        self.books = Books(venue, clock, ports.log, ports.publish, self.market.book, ports.spawn)
        self.public = PublicDialect(
            endpoints["public"], config.silent_s, self.decoder, self.books, ports.publish, self.bridge, ports.log
        )
        self.decoders: dict[str, PrivateDecoder] = {}
        signing = [account for account in accounts if account.signer is not None]
        self.standing = Standing(venue, [account.name for account in signing], clock, ports.publish)
        self.upkeep = Upkeep(config, ports, self.rest, self.market, self.queries, self.ids, self.standing, signing)

    def private(self, account: Account, signer: Signer, url: str, busy: str) -> PrivateDialect:
        """The dialect of one account's session."""
        decoder = PrivateDecoder(account, lambda: self.listing.by_native, self.ids)
        self.decoders[account.name] = decoder
        return PrivateDialect(
            url,
            self._config.silent_s,
            account,
            signer,
            decoder,
            self.rest,
            self.standing,
            self._ports,
            self._config.window_ms,
            busy,
        )

    async def bridge(self, stream: str) -> None:
        """Fetch what a silent stream would have told. Raises `NotReady`."""
        kind, _, rest = stream.partition(".")
        if kind == "depth":
            await self.books.refetch(stream)
            return
        market = self.listing.by_native.get(rest)
        if market is None:
            return
        venue = self._ports.venue
        if kind == "bookTicker":
            self._ports.publish(topic("quotes", venue, market.symbol), await self.market.quote(market.symbol))
        elif kind == "markPrice":
            funding = await self.market.funding(market.symbol)
            if funding is not None:
                self._ports.publish(topic("funding", venue, market.symbol), funding)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "standing": self.standing.statistics(),
            "rest": self.rest.statistics(),
            "wire": self.decoder.statistics(),
            "listing": self.listing.statistics(),
            "client_ids": self.ids.statistics(),
            "books": self.books.statistics(),
            "accounts": {
                name: {**account.statistics(), **(self.decoders[name].statistics() if name in self.decoders else {})}
                for name, account in self.accounts.items()
            },
            "unlisted": self.queries.unlisted,
            "upkeep": self.upkeep.statistics(),
        }
