"""What a request says, checked strictly: types, names, decimals, ids. Nothing is rounded or guessed (sheet section 6.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import orjson

from drivers.backpack.emulator.formats import places
from drivers.backpack.emulator.markets import Market, Markets
from drivers.backpack.emulator.orders import ATTACHED
from drivers.backpack.emulator.refusals import Refusal, bad_request, unparsed

ORDER = "OrderExecutePayload"
LARGEST_ID = 2**32 - 1
CHOICES = {
    "side": ("Side", ("Bid", "Ask")),
    "orderType": ("OrderTypeEnum", ("Limit", "Market")),
    "timeInForce": ("TimeInForce", ("GTC", "IOC", "FOK")),
    "selfTradePrevention": ("SelfTradePrevention", ("RejectTaker", "RejectMaker", "RejectBoth")),
    "triggerBy": ("TriggerBy", ("LastPrice", "MarkPrice", "IndexPrice")),
}
FLAGS = ("postOnly", "reduceOnly", "autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay")
DECIMALS = ("price", "quantity", "quoteQuantity", "triggerPrice")


class Wish(msgspec.Struct, kw_only=True):
    """An order as it was asked for, understood."""

    market: Market
    side: str
    type: str
    client_id: int | None
    quantity: Decimal | None
    quote_quantity: Decimal | None
    price: Decimal | None
    tif: str
    post_only: bool
    reduce_only: bool | None
    prevention: str
    trigger_price: Decimal | None
    trigger_by: str | None
    trigger_quantity: str | None
    redeems: bool
    attached: dict[str, str]


def read_json(body: bytes, content_type: str) -> Any:
    """Raises `Refusal` for what is no JSON, or is not called so."""
    if not content_type.lower().startswith("application/json"):
        raise Refusal("INVALID_CLIENT_REQUEST", "the `Content-Type` must be application/json", 415)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"parse request payload error: {error}") from None


def read_object(data: Any, kind: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise bad_request(f'parse request payload error: Expected input type "{kind}", found {_shown(data)}.')
    return data


def wish(data: Any, markets: Markets) -> Wish:
    """An order from the body of POST /order. Raises `Refusal`."""
    body = {key: value for key, value in read_object(data, ORDER).items() if value is not None}
    for name in ("orderType", "side", "symbol"):
        if name not in body:
            raise bad_request(f'parse request payload error: failed to parse "{ORDER}": field "{name}" is required')
    words = {name: _choice(body, name) for name in CHOICES}
    flags = {name: _flag(body, name) for name in FLAGS}
    amounts = {name: decimal(body, name) for name in DECIMALS}
    market = markets.named(_word(body, "symbol"))
    found = Wish(
        market=market,
        side=words["side"] or "",
        type=words["orderType"] or "",
        client_id=client_id(body),
        quantity=amounts["quantity"],
        quote_quantity=amounts["quoteQuantity"],
        price=amounts["price"],
        tif=words["timeInForce"] or "GTC",
        post_only=bool(flags["postOnly"]),
        reduce_only=flags["reduceOnly"],
        prevention=words["selfTradePrevention"] or "RejectTaker",
        trigger_price=amounts["triggerPrice"],
        trigger_by=words["triggerBy"],
        trigger_quantity=_word(body, "triggerQuantity") if "triggerQuantity" in body else None,
        redeems=bool(flags["autoLendRedeem"]),
        attached={name: _word(body, name) for name in ATTACHED if name in body},
    )
    _together(found)
    _grid(found)
    return found


def _together(found: Wish) -> None:
    """Whether the fields go together."""
    waits = found.trigger_price is not None
    if waits != (found.trigger_quantity is not None):
        raise bad_request("Must specify both `triggerPrice` and `triggerQuantity` or neither")
    if found.quantity is not None and found.quote_quantity is not None:
        raise bad_request("Must specify either `quantity` or `quoteQuantity`")
    if found.type == "Limit":
        if found.price is None:
            raise bad_request("Must specify `price` for limit orders")
        if found.quote_quantity is not None or (found.quantity is None and not waits):
            raise bad_request("Must specify `quantity` for limit orders")
    else:
        if found.price is not None or found.post_only:
            raise bad_request("Market orders take neither `price` nor `postOnly`")
        if found.quantity is None and found.quote_quantity is None and not waits:
            raise bad_request("Must specify either `quantity` or `quoteQuantity`")
    if found.post_only and found.tif != "GTC":
        raise bad_request("`postOnly` is only valid with `timeInForce` GTC")
    if found.reduce_only and not found.market.is_perp:
        raise Refusal("INVALID_ORDER", "Reduce only is not supported on spot markets")


def _grid(found: Wish) -> None:
    """Decimals beyond the tick or the step are errors."""
    instrument = found.market.instrument
    for price in (found.price, found.trigger_price):
        if price is not None and price <= 0:
            raise Refusal("INVALID_PRICE", "Price must be positive")
        if price is not None and not instrument.on_tick(price):
            if places(price) > places(instrument.tick):
                raise bad_request("Price decimal too long")
            raise Refusal("INVALID_PRICE", "Price is not a multiple of the tick size")
    size = found.quantity
    if found.trigger_quantity is not None and not found.trigger_quantity.endswith("%"):
        size = as_decimal(found.trigger_quantity, "triggerQuantity")
    if size is not None:
        check_size(found.market, size)
    if found.quote_quantity is not None and found.quote_quantity <= 0:
        raise Refusal("INVALID_QUANTITY", "Quantity is below the minimum")


def check_size(market: Market, size: Decimal) -> None:
    instrument = market.instrument
    if not instrument.on_lot(size):
        if places(size) > places(instrument.lot):
            raise bad_request("Quantity decimal too long")
        raise Refusal("INVALID_QUANTITY", "Quantity is not a multiple of the step size")
    if size < instrument.min_size:
        raise Refusal("INVALID_QUANTITY", "Quantity is below the minimum")
    if instrument.max_size is not None and size > instrument.max_size:
        raise Refusal("INVALID_QUANTITY", "Quantity is above the maximum")


# -- single fields -------------------------------------------------------------------------------------------------------


def decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A decimal that is a text; a JSON number is none."""
    return as_decimal(_word(body, name), name) if name in body else None


def as_decimal(text: str, name: str) -> Decimal:
    if "e" in text.lower():
        raise unparsed("decimal", f"Invalid decimal: {name}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise unparsed("decimal", f"Invalid decimal: {name}") from None
    if not value.is_finite():
        raise unparsed("decimal", f"Invalid decimal: {name}")
    return value


def client_id(body: Mapping[str, Any], *, text: bool = False) -> int | None:
    """A uint32. With `text` digits are taken too: bpx-py cancels with the id as a text."""
    value = body.get("clientId")
    if value is None:
        return None
    if text and isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_ID:
        raise bad_request(f'parse request payload error: Expected input type "integer(uint32)", found {_shown(value)}.')
    return value


def order_id(body: Mapping[str, Any]) -> str | None:
    """A text; the number of the documentation's own example is taken too."""
    value = body.get("orderId")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _word(body, "orderId") if value is not None else None


def target(body: Mapping[str, Any], *, text: bool = False) -> tuple[str | None, int | None]:
    """`(order id, client id)`, exactly one of which is given."""
    found = order_id(body), client_id(body, text=text)
    if (found[0] is None) == (found[1] is None):
        raise bad_request("Must specify exactly one of `orderId` or `clientId`")
    return found


def parameter(query: Mapping[str, str], name: str, choices: Sequence[str] = (), default: str = "") -> str:
    """A text of the query. Raises `Refusal` when it is missing without a default, or none of the choices."""
    value = query.get(name, default)
    if not value:
        raise bad_request(f"failed to parse parameter `{name}`: the parameter is required")
    if choices and value not in choices:
        raise bad_request(f"failed to parse parameter `{name}`: Expect a valid enumeration value.")
    return value


def number(query: Mapping[str, str], name: str, default: int | None = None, most: int = 2**63 - 1) -> int:
    """A whole number of the query, not negative."""
    text = query.get(name)
    if text is None:
        if default is None:
            raise bad_request(f"failed to parse parameter `{name}`: the parameter is required")
        return default
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise bad_request(f"failed to parse parameter `{name}`: invalid value {text!r}")
    return int(text)


def _word(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise bad_request(f'parse request payload error: Expected input type "string", found {_shown(value)}.')
    return value


def _choice(body: Mapping[str, Any], name: str) -> str | None:
    kind, choices = CHOICES[name]
    if name not in body:
        return None
    if body[name] not in choices:
        raise unparsed(kind, "Expect a valid enumeration value.", ORDER)
    return _word(body, name)


def _flag(body: Mapping[str, Any], name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f'parse request payload error: Expected input type "boolean", found {_shown(value)}.')
    return value


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:200]
