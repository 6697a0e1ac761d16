"""The venue's floor: engine, market and memory put together. Everything here is a plain function.

What happens to an account is committed first and published then, in the order in which it happened, also when a
listener's answer makes more happen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ctosd.abi import (
    Amend,
    Bar,
    Command,
    Instrument,
    Outcome,
    Place,
    Ports,
    PrivateEvent,
    Rejected,
    Timer,
    VenueStatus,
    topic,
)
from drivers.paper import listing
from drivers.paper.board import Board
from drivers.paper.config import PaperConfig
from drivers.paper.generated import Generated
from drivers.paper.matching import Engine, Rules
from drivers.paper.pace import Pacer
from drivers.paper.recorded import Recorded
from drivers.paper.synthetic import MINUTE
from drivers.paper.tape import Tape
from drivers.paper.vault import Vault

SAVE_NS = 5_000_000_000
"""How often it is kept where the market stands; what happens to accounts is kept at once."""
SAVE_TURNS = 100
"""A share of the symbols at a time: a thousand at once would hold up the loop."""
END = "end of data"


class Floor:
    """One paper venue between its `start` and its `stop`."""

    def __init__(self, config: PaperConfig, accounts: Sequence[str], ports: Ports) -> None:
        self._config = config
        self._ports = ports
        self._venue = ports.venue
        self._clock = ports.clock
        self._accounts = tuple(accounts)
        self._private = topic("private", ports.venue)
        self._outbox: deque[PrivateEvent] = deque()
        self._telling = False
        self._timer: Timer | None = None
        self._turn = 0
        self._pacer: Pacer | None = None
        self.ended = False
        self.stopped = False
        self.vault = Vault(ports.store, ports.log)
        self._source = source_of(config, ports)
        self.instruments = self._configured(self._source.instruments())
        if isinstance(self._source, Generated):
            self._source.adopt(self.instruments)
        self.engine = Engine(ports.venue, list(self.instruments.values()), rules_of(config))
        self.tape = Tape(self.engine, self.tell, ports.publish, ports.log)
        self.board = Board(self._source, self.instruments, self.engine, self.tape, ports, self._keep_bar)

    def _configured(self, listed: Mapping[str, Instrument]) -> dict[str, Instrument]:
        """The instruments with the configuration's own words about them, those that only it names included."""
        own, fees = self._config.instruments, self._config.fees
        found = {**{symbol: listing.instrument(self._venue, symbol) for symbol in own}, **listed}
        return {symbol: listing.override(each, own.get(symbol), fees) for symbol, each in found.items()}

    # -- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up where the store says, and let the market run."""
        shelves = self.vault.read()
        self.engine.restore(shelves.get("engine", {}))
        for account in self._accounts:
            own = self._config.accounts.get(account.partition("/")[2])
            balances = own.balances if own is not None and own.balances is not None else self._config.balances
            self.engine.open_account(account, balances, self._config.leverage)
        self.keep()
        self._source.on_end = self._end
        if isinstance(self._source, Generated):
            self._start_generated(self._source, shelves)
        else:
            self._start_recorded(self._source)

    def _start_generated(self, source: Generated, shelves: Mapping[str, Mapping[str, bytes]]) -> None:
        source.resume(shelves)
        for symbol in self._concerned():
            self.board.open(symbol)
        if self._ports.drive is not None:
            for symbol in source.opening():
                self.board.open(symbol)
            self._ports.drive(source, self.tape.deliver)
        else:
            source.play(self.tape.deliver)
            self._timer = self._clock.call_at(self._clock.now_ns() + SAVE_NS // SAVE_TURNS, self._save)

    def _start_recorded(self, source: Recorded) -> None:
        for symbol in source.content:
            self.board.open(symbol)
        if self._ports.drive is not None:
            self._ports.drive(source, self.tape.deliver)
        else:
            self._pacer = Pacer(self._clock, source, self.tape.deliver, self._config.market.speed)
            self._pacer.start()

    def stop(self) -> None:
        """Let the market stand still and keep everything."""
        self.stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pacer is not None:
            self._pacer.stop()
        if isinstance(self._source, Generated):
            self._source.stop()
            self.vault.later("market", self._source.standing())
        self.vault.later("engine", self.engine.drain_changes())
        self.keep()

    def _save(self) -> None:
        if isinstance(self._source, Generated):
            self._turn += 1
            self.vault.later("market", self._source.standing(self._turn, SAVE_TURNS))
        self.keep()
        self._timer = self._clock.call_at(self._clock.now_ns() + SAVE_NS // SAVE_TURNS, self._save)

    def _end(self) -> None:
        """The data is over: close what is due, and say so."""
        self.ended = True
        self.board.flush(self.tape.at_ns)
        self._ports.log.info("paper_market_ended", venue=self._venue, reason=END, events=self.tape.events)
        status = VenueStatus(venue=self._venue, up=False, reason=END, time_ns=self._clock.now_ns())
        self._ports.publish(topic("status", self._venue), status)

    def _concerned(self) -> list[str]:
        """Symbols in which an account has an order or a position."""
        found: set[str] = set()
        for account in self._accounts:
            found |= {order.symbol for order in self.engine.open_orders(account)}
            found |= {position.symbol for position in self.engine.positions(account)}
        return sorted(found & self.instruments.keys())

    # -- accounts -----------------------------------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        """The venue's time: the feed's where the market is recorded, also when it is played on the wall clock."""
        if isinstance(self._source, Generated):
            return self._clock.now_ns()
        return self.tape.at_ns or self._source.first_ns or self._clock.now_ns()

    def execute(self, command: Command, share: float = 1.0) -> Outcome:
        """Let the engine have a command: commit, publish, answer. `share` is the part that a taker gets."""
        now_ns = self._now_ns()
        if command.symbol in self.instruments:
            self.board.open(command.symbol)
        if self.vault.failed and not self.vault.commit():
            message = f"the venue's store cannot be written: {self.vault.failed}"
            return Rejected(client_id=command.client_id, reason="maintenance", message=message, time_ns=now_ns)
        if isinstance(command, Place):
            outcome, events = self.engine.place(command, now_ns, share)
        elif isinstance(command, Amend):
            outcome, events = self.engine.amend(command, now_ns)
        else:
            outcome, events = self.engine.cancel(command, now_ns)
        self.tell(events)
        return outcome

    def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        self.board.listed(symbol)
        self.engine.set_leverage(account, symbol, leverage)
        self.keep()

    def force_close(self, account: str, symbol: str, cause: str, share: Decimal) -> Sequence[PrivateEvent]:
        """The venue closes `share` of a position by itself; `cause` stands in the fill. Returns what happened, told already."""
        self.board.listed(symbol)
        events = self.engine.force_close(account, symbol, cause, share, self._now_ns())
        self.tell(events)
        return events

    def tell(self, events: Sequence[PrivateEvent]) -> None:
        """Commit what the engine did, then publish it, in order also when a listener makes more happen."""
        self.keep()
        self._outbox.extend(events)
        if self._telling:
            return
        self._telling = True
        outbox, publish, name = self._outbox, self._ports.publish, self._private
        try:
            while outbox:
                publish(name, outbox.popleft())
        finally:
            self._telling = False

    def keep(self) -> None:
        """Commit whatever changed."""
        if not self.vault.keeps:
            self.engine.drop_changes()
            return
        if self.engine.dirty:
            self.vault.later("engine", self.engine.drain_changes(news=False))
        self.vault.commit()

    def _keep_bar(self, bar: Bar) -> None:
        """A minute of the synthetic market is kept, so that klines go on after a restart."""
        if bar.timeframe == "1m" and isinstance(self._source, Generated):
            self.vault.later("bar", self._source.remember(bar))

    def statistics(self) -> dict[str, Any]:
        return {
            "events": self.tape.events,
            "feed_ns": self.tape.at_ns,
            "ended": self.ended,
            **self.board.statistics(),
            "strangers": sorted(self.tape.strangers),
            "late": self._pacer.late if self._pacer is not None else 0,
            "store": self.vault.statistics(),
            "engine": self.engine.statistics(),
        }


def source_of(config: PaperConfig, ports: Ports) -> Generated | Recorded:
    """The market's source. Raises `Misconfigured` for recordings that cannot be read."""
    if config.market.kind == "recorded":
        return Recorded(config.market.feeds, ports)
    return Generated(config.market, ports, _interval_ns(config))


def _interval_ns(config: PaperConfig) -> int:
    return int(config.funding.interval_h * 60) * MINUTE


def rules_of(config: PaperConfig) -> Rules:
    """The matching rules that the configuration asks for."""
    return Rules(
        price_band=config.price_band,
        max_open_orders=config.max_open_orders,
        max_position_notional=config.max_position_notional,
        self_trade=config.self_trade,
        queue_model=config.queue.model,
        trade_share=config.queue.trade_share,
        queue_fraction=config.queue.ahead,
        depth_step=config.depth.step,
        depth_size=config.depth.size,
        depth_levels=config.depth.levels,
        bar_spread=config.bars.spread,
        bar_volume_share=config.bars.volume_share,
        bar_touch_fills=config.bars.touch_fills,
        funding_rate=config.funding.rate,
        funding_interval_ns=_interval_ns(config),
    )
