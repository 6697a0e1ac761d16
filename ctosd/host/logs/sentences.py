"""Log events as a person reads them: one plain sentence an event, for the console.

The JSON line is the record; this is its rendering. An event without a sentence here is shown as ``name key=value``, so that
nothing is ever hidden.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from ctosd.abi import split_symbol
from ctosd.abi.errors import CallerMistake

Record = Mapping[str, Any]

SENTENCES: dict[str, str] = {
    # orders and money
    "fill": "{strategy} {did} {size} {base} at {price}",
    "external_fill": "{account} {did} {size} {base} at {price}, and not by an order of ours",
    "external_order": "{account} has an order on {symbol} that is not ours: {client_id}",
    "funding": "funding on {account}: {earned} {amount} {quote} for {symbol}",
    "order_denied": "{strategy} wanted to {side} {size} {base}; our risk gate said no",
    "order_rejected": "{strategy} wanted to {side} {size} {base}; the venue said no",
    "order_unknown": "{strategy}: nobody knows yet whether the venue took an order on {symbol}; asking it",
    "order_resolved": "{strategy}: an order of unknown fate is found to be {state}",
    "order_never_sent": "{strategy}: an order on {symbol} never reached the venue; it is closed",
    "order_violation": "{strategy}: the venue's word on order {client_id} contradicts what is known",
    "repair_fill": "{account}: a fill on {symbol} was missed and is booked now",
    "fill_without_instrument": "{account}: a fill on {symbol}, which is no instrument of that venue",
    "funding_waits": "the funding of {account} cannot be asked for now ({reason}): the next look asks for all of it",
    "resolve_waits": "order {client_id} stays unknown for now",
    # strategies
    "strategy_running": "{strategy} runs ({use} on {account})",
    "strategy_stopped": "{strategy} stopped",
    "strategy_finished": "{strategy} is done",
    "strategy_failed": "{strategy} failed",
    "strategy_backoff": "{strategy} starts again in {delay_s} s",
    "strategy_parked": "{strategy} is parked: it stays down until a person starts it",
    "strategy_fenced": "{strategy} is fenced: it can send nothing more",
    "strategy_zombie": "{strategy} ignores its cancellation; its handle is revoked",
    "on_stop_late": "{strategy} took longer than {seconds} s to stop",
    "on_stop_failed": "{strategy} failed while it stopped",
    "exit_failed": "{strategy}: leaving the market ({policy}) failed",
    "exit_incomplete": "{strategy}: leaving the market ({policy}) is not complete",
    "grid_baseline": "{strategy} sets its grid round {price} for {symbol}",
    "grid_halted": "{strategy} halts its grid on {symbol}",
    "grid_no_order": "{strategy} places no {side} order on {symbol}",
    "grid_orphan_cancelled": "{strategy} cancelled an order on {symbol} that its grid does not know",
    "mean_reversion_ready": "{strategy} watches {symbol}",
    "mean_reversion_leaves": "{strategy} leaves its {size} {base}",
    "mean_reversion_halted": "{strategy} halts on {symbol}",
    "mean_reversion_no_order": "{strategy} places no order on {symbol}",
    # venues
    "venue_up": "{venue} is up ({instruments} instruments)",
    "dead_man_not_renewed": "the dead man's switch of {venue} is not renewed: {reason}",
    "venue_down": "{venue} is down",
    "venue_backoff": "{venue} is not ready; trying again in {delay_s} s",
    "venue_parked": "{venue} cannot be used until a person changes something",
    "driver_raised": "{venue}: the driver failed on an order; its outcome is unknown",
    "driver_stop_late": "{venue} took longer than {seconds} s to disconnect",
    "private_event_unread": "a venue told of something unknown ({kind}); it is left alone",
    "paper_fault_set": "the paper venue misbehaves on request: {fault} is {value}",
    "paper_market_ended": "the recorded market is over after {events} events",
    "paper_store_failed": "the paper venue cannot save its accounts; {waiting} changes wait",
    "paper_store_works_again": "the paper venue saves its accounts again",
    "paper_unlisted_symbol": "the feed has {symbol}, which the paper venue does not list",
    "archive_volume_in_quote": "{path} seems to count volume in quote money, and is read so",
    "archive_gaps": "{path} has {gaps} gaps, {missing} bars are missing; the first is at {first}",
    "archive_undecodable": "{path}, line {line}: a frame that cannot be read, left out: {frame}",
    "clock_stepped": "this machine's clock was set by {seconds} s: prices are waited for anew, and the venues are asked for their time",
    "armed": "{account} may take risk for {seconds} s and lose {max_loss}, says {by}",
    "disarmed": "{account} may take no risk any more",
    "order_adopted": "{client_id}, {symbol} on {account}, belongs to {strategy} from now on",
    "order_risen": "{client_id}, {symbol} on {account}, is open at the venue and was {state} here: look at it",
    "external_position": "{account} holds {size} {symbol} that no order of ours explains",
    "position_moved": "{size} {symbol} on {account} went from {source} to {strategy}",
    "liquidation": "{account}: the venue itself closed {size} {symbol} at {price} ({cause})",
    "audit_repaired": "{venue}: {repairs} differences on {account} were repaired",
    "writes_exceed_intents": "{venue}: more orders left than were meant; everything is halted",
    # the daemon
    "journal_works": "the journal can write again",
    "journal_failed": "the journal cannot write: no order leaves until it can",
    "ready": "ready after {seconds} s: {status}; look with `ctosctl status`",
    "signal": "{name} received",
    "stopping": "stopping",
    "report": "{orders} orders, {fills} fills; {events} events in {wall_s} s, {events_s} a second",
    "mode": "trading is {mode}, says {by}",
    "operator": "{by}: {act} {target}",
    "configuration": "a word on the configuration",
    "control_denied": "user {uid} may not use {path}",
    "control_failed": "the control socket failed at {path}",
    "operator_act_failed": "what was asked for by {path} failed",
    "flight_frozen": "{cause}: the last {seconds} s are kept; look with `ctosctl replay {path}`",
    "flight_failed": "the flight recording {path} could not be written",
    "watchdog": "no evidence of life for the service manager",
    "loop_exception": "something failed outside of any task",
    "subscriber_failed": "a listener on {topic} failed",
    "task_failed": "the task {task} failed",
    "task_left": "the task {task} would not end",
    "library": "{logger}",
    # sessions and streams
    "session_up": "{venue}: the {session} connection is up with {streams} streams",
    "session_down": "{venue}: the {session} connection is lost; trying again in {delay_s} s",
    "session_retry": "{venue}: the {session} connection does not come up; trying again in {delay_s} s",
    "session_parked": "{venue}: the {session} connection stays down until a person changes something",
    "session_rotated": "{venue}: the {session} connection was replaced by a new one",
    "session_rotation_failed": "{venue}: the next {session} connection failed, the old one stays; again in {delay_s} s",
    "streams_stale": "{venue}: {count} streams of {session} are silent ({streams})",
    "stream_flows": "{venue}: {stream} flows again",
    "stream_silent": "{venue}: {stream} stays silent whatever is tried",
    "stream_rejected": "{venue} refuses the stream {stream}",
    "stream_resubscribed": "{venue}: {stream} is subscribed again",
    "stream_bridge_failed": "{venue}: what {stream} would tell could not be fetched either",
    "frame_unread": "{venue}: a frame of {session} could not be read ({count} so far)",
    "dialect_failed": "{venue}: the driver's code for {session} failed ({count} so far)",
    # what drivers say
    "book_lost": "{venue}: the order book of {symbol} cannot be trusted and is built anew",
    "margin_call": "{venue} warns: the margin of {account} is nearly used up",
    "limits_differ": "{venue} publishes other limits than expected for {limits}; they are followed",
    "instruments_unread": "{count} instruments of {venue} could not be read and are left out: {symbols}",
    "backpack_limited": "{venue}: too many requests for {scope}; holding back until the next minute",
    "backpack_liquidating": "{account} is being liquidated by Backpack",
    "backpack_book_lost": "{venue}: the order book of {symbol} lost its thread and is fetched anew",
    "backpack_stream_refused": "{session}: Backpack refused a subscription",
    "backpack_no_balance_stream": "{account}: Backpack has no stream of balances; they are read every minute",
    "backpack_maintenance": "{venue}: maintenance begins or ends",
    "backpack_clock_stepped": "{venue}: a clock was set; the venue's is now {offset_ms} ms from ours",
    "backpack_clock_unsure": "{venue}: no entries for now, the venue's clock is not known well enough",
    "okx_book_lost": "{venue}: the order book of {symbol} lost its thread and is being rebuilt",
    "okx_clock_unread": "{venue}: the venue's clock could not be read",
    "okx_conditionals_unheard": "{venue}: the stream of conditional orders could not be opened",
    "okx_fees_unknown": "{venue}: the account's fee rates could not be read",
    "okx_listing_old": "{venue}: the instruments could not be read anew; the old listing stands",
    "okx_maintenance": "{venue} is in maintenance; entries pause",
    "okx_maintenance_over": "{venue}: the maintenance is over",
    "okx_money_unread": "{venue}: balances or positions could not be read after a reconnect",
    "okx_public_listing": "{venue}: the key's own listing was refused; the public one is used",
    "okx_status_unread": "{venue}: the maintenance status could not be read",
}
"""Event name -> sentence. Fields stand in braces; see `_derived` for those that are worked out."""

SHOWN_ANYWAY = ("reason", "message", "error", "remedy")
_ELSEWHERE = frozenset({"time", "level", "event", "exception"})  # the console shows these around the sentence
_GROUPED = frozenset({"price", "average", "notional", "entry", "mark", "amount"})
_formatter = string.Formatter()
_wanted = {event: tuple(name for _, name, _, _ in _formatter.parse(text) if name) for event, text in SENTENCES.items()}


def sentence(record: Record) -> str:
    """The plain sentence of a log record, the reason with it."""
    event = str(record.get("event", ""))
    template = SENTENCES.get(event)
    if template is None:
        return _bare(event, record)
    fields = _derived(record)
    if any(name not in fields for name in _wanted[event]):
        return _bare(event, record)
    said = template.format_map(fields)
    because = [str(record[name]) for name in SHOWN_ANYWAY if record.get(name) and name not in _wanted[event]]
    return f"{said}: {': '.join(because)}" if because else said


def grouped(number: str) -> str:
    """Thousands set off by commas, the digits after the point left alone: `60012.40` is `60,012.40`."""
    sign = "-" if number.startswith("-") else ""
    whole, point, part = number.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{point}{part}" if whole.isdigit() and (part.isdigit() or not point) else number


def _derived(record: Record) -> dict[str, Any]:
    """The record's own fields, and the words that sentences need beside them: did, base, quote, earned."""
    fields = {name: grouped(str(value)) if name in _GROUPED else value for name, value in record.items()}
    if "side" in record:
        fields["did"] = {"buy": "bought", "sell": "sold"}.get(str(record["side"]), "traded")
    if "symbol" in record:
        try:
            fields["base"], quote, settle = split_symbol(str(record["symbol"]))
            fields["quote"] = settle or quote
        except CallerMistake:
            fields["base"] = fields["quote"] = record["symbol"]
    if "amount" in record:
        amount = str(fields["amount"])
        fields["earned"] = "paid" if amount.startswith("-") else "received"
        fields["amount"] = amount.removeprefix("-")
    return fields


def _bare(event: str, record: Record) -> str:
    return " ".join([event, *(f"{name}={_shown(value)}" for name, value in record.items() if name not in _ELSEWHERE)])


def _shown(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
