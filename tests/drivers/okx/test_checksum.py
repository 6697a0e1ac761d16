"""The checksum of old recordings: the sheet's example, and every recorded frame."""

import json

from drivers.okx.checksum import TextBook, checksum
from tests.drivers.okx.scripted import fixture_text


def recorded() -> list[dict]:
    """The server's book frames of the recording, in order."""
    found = []
    for line in fixture_text("cryptofeed/okx_2022-05-13/OKX.ws.1.0").splitlines():
        at = line.find(': {"arg"')
        if at > 0 and not line.startswith("wss:"):
            frame = json.loads(line[at + 2 :])
            if frame["arg"]["channel"] == "books":
                found.append(frame)
    return found


def test_the_sheets_example() -> None:
    """One side longer than the other comes at the end."""
    bids, asks = [("3366.1", "7"), ("3366", "6")], [("3366.8", "9"), ("3368", "8"), ("3372", "8")]
    assert checksum(bids, asks[:2]) == -1881014294
    assert checksum(bids, asks) != checksum(bids, asks[:2])
    assert checksum([], []) == 0


def test_only_the_best_25_levels_count() -> None:
    bids = [(str(100 - n), "1") for n in range(30)]
    assert checksum(bids, []) == checksum(bids[:25], [])


def test_every_recorded_frame_is_right() -> None:
    """290 of 290."""
    books: dict[str, TextBook] = {}
    right = 0
    for frame in recorded():
        book = books.setdefault(frame["arg"]["instId"], TextBook())
        (row,) = frame["data"]
        found = book.apply(row["bids"], row["asks"], snapshot=frame["action"] == "snapshot")
        right += found == row["checksum"]
    assert (right, len(recorded()), len(books)) == (290, 290, 3)


def test_a_flipped_digit_is_noticed_and_a_snapshot_heals() -> None:
    """Ids do not tell of a wrong size; the checksum does."""
    frames = [frame for frame in recorded() if frame["arg"]["instId"] == "BTC-USDT"]
    book = TextBook()
    for number, frame in enumerate(frames[:40]):
        row = frame["data"][0]
        bids = [list(level) for level in row["bids"]]
        flipped = number == 20
        if flipped:
            bids = (
                [[bids[0][0], "9" + bids[0][1], *bids[0][2:]], *bids[1:]]
                if bids
                else [[book.levels(1)[0][0][0], "99999"]]
            )
        found = book.apply(bids, row["asks"], snapshot=frame["action"] == "snapshot")
        if flipped:
            assert found != row["checksum"]
            break
    truth = TextBook()
    for frame in frames[:21]:
        row = frame["data"][0]
        truth.apply(row["bids"], row["asks"], snapshot=frame["action"] == "snapshot")
    levels = truth.levels(400)
    book.apply(*levels, snapshot=True)
    for frame in frames[21:40]:
        row = frame["data"][0]
        assert book.apply(row["bids"], row["asks"], snapshot=False) == row["checksum"]
