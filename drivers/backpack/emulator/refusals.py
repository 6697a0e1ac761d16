"""What the venue refuses: an error code of its own, a message and an HTTP status."""

from __future__ import annotations

import orjson

from ctosd.abi import Reply

STATUS = {
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "RESOURCE_NOT_FOUND": 404,
    "TOO_MANY_REQUESTS": 429,
    "SERVER_ERROR": 500,
    "TIMEOUT": 500,
    "MAINTENANCE": 503,
}
"""Of every other code it is 400."""

JSON = (("content-type", "application/json; charset=utf-8"),)
TEXT = (("content-type", "text/plain; charset=utf-8"),)


class Refusal(Exception):
    """Raised by whatever looks at a request; becomes the reply, or one item of a batch's reply."""

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status or STATUS.get(code, 400)

    def item(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}

    def reply(self) -> Reply:
        return Reply(self.status, orjson.dumps(self.item()), JSON)


def bad_request(message: str) -> Refusal:
    return Refusal("INVALID_CLIENT_REQUEST", message)


def unparsed(kind: str, found: str, inside: str = "") -> Refusal:
    """A request that does not fit its schema, in the words that clients have met: see ccxt's notes on its exceptions."""
    where = f'(occurred while parsing "{inside}")' if inside else ""
    return bad_request(f'parse request payload error: failed to parse "{kind}": {found}{where}')
