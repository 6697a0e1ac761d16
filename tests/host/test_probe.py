"""`ctosctl probe` whole: the real drivers, the emulators in the test's own loop, the probe in a thread or a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Emulator
from ctosd.ctl import verbs
from ctosd.host import probe
from ctosd.host.probing import pace
from ctosd.host.served import Served
from drivers.backpack.emulator import Emulator as BackpackEmulator
from drivers.binance.emulator import Emulator as BinanceEmulator
from tests.host.probing import stand
from tests.host.test_proxy import Relay

ROOT = Path(__file__).parents[2]


class Page:
    """One run: its exit code and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def checks(self, venue: str) -> list[dict[str, Any]]:
        return list(json.loads(self.out)["venues"][venue]["checks"])

    def check(self, venue: str, name: str, target: str = "") -> dict[str, Any]:
        (found,) = [each for each in self.checks(venue) if each["name"] == name and target in each["target"]]
        return found


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No venue here counts how often it is dialled."""
    monkeypatch.setattr(pace, "WINDOW_S", 0.01)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run the probe in a thread, while this loop serves."""

    async def call(*words: str) -> Page:
        code = await asyncio.to_thread(probe.main, words)
        shown = capsys.readouterr()
        return Page(code, shown.out, shown.err)

    return call


@pytest.fixture
async def served(request: pytest.FixtureRequest) -> Any:
    """An emulator; which one says the test's parameter."""
    factory: type[Emulator] = getattr(request, "param", BackpackEmulator)
    made = await stand.serve(factory)
    yield made
    await made.stop()


def config(folder: Path, served: Served, **more: Any) -> str:
    addresses = {name: url for name, url in served.addresses().items() if "." not in name}  # not Binance's spot
    settings = {"endpoints": addresses, **more}
    return str(stand.written(folder, {served.emulator.name: settings}))


@pytest.mark.parametrize("served", [BinanceEmulator, BackpackEmulator], indirect=True)
async def test_a_venue_that_is_well(served: Served, tmp_path: Path, run: Any) -> None:
    """Binance's addresses are the heads of those that are dialled."""
    page = await run("--config", config(tmp_path, served), "--json")
    venue = served.emulator.name
    assert page.code == 0, page.out
    told = json.loads(page.out)
    assert told["ok"]
    assert told["venues"][venue]["ok"]
    checks = page.checks(venue)
    assert set(checks[0]) >= {"name", "target", "ok", "ms", "message", "remedy"}
    names = [each["name"] for each in checks]
    assert [name for name in names if name in ("tcp", "http", "clock", "start", "market data")][:4] == [
        *("tcp", "http", "clock", "start")
    ]
    assert "market data" in names
    sockets = {url for name, url in served.addresses().items() if url.startswith("ws") and "." not in name}
    assert len([each for each in checks if each["name"] == "websocket" and each["ok"]]) == len(sockets)
    assert "foreign orders" in names
    await stand.until(lambda: served.sockets == 0)


async def test_a_person_reads_one_line_a_check(served: Served, tmp_path: Path, run: Any) -> None:
    page = await run("backpack", "--config", config(tmp_path, served))
    assert page.code == 0
    lines = page.out.splitlines()
    assert lines[0] == "backpack: simulated"
    assert all(line.startswith("  ok     ") for line in lines[1:-2])
    assert lines[-1] == "nothing is wrong"
    assert "\x1b" not in page.out


async def test_wrong_keys_are_told_apart_from_a_venue_that_is_down(
    served: Served, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
    monkeypatch.setenv("CTOS_BACKPACK_MAIN_API_KEY", "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
    monkeypatch.setenv("CTOS_BACKPACK_MAIN_API_SECRET", secret)
    page = await run("--config", config(tmp_path, served), "--json")
    assert page.code == 1
    assert page.check("backpack", "start", "without keys")["ok"]
    assert page.check("backpack", "market data")["ok"]
    refused = page.check("backpack", "start", "backpack/main")
    assert not refused["ok"]
    assert "accounts.yaml" in refused["remedy"]
    assert page.check("backpack", "credentials")["message"] == "from the environment"
    assert secret not in page.out


async def test_a_clock_that_is_wrong(served: Served, tmp_path: Path, run: Any) -> None:
    served.emulator.set_fault("clock_skew", -45)
    page = await run("--config", config(tmp_path, served), "--json")
    assert page.code == 1
    clock = page.check("backpack", "clock")
    assert not clock["ok"]
    assert "ahead of the venue" in clock["message"]
    assert "set-ntp" in clock["remedy"]


async def test_a_proxy_that_refuses(served: Served, tmp_path: Path, run: Any) -> None:
    relay = Relay("http", refuse=True)
    await relay.start()
    path = config(tmp_path, served, proxy=f"http://me:hunter22@127.0.0.1:{relay.port}")
    page = await run("--config", path, "--json")
    assert page.code == 1
    verdict = page.check("backpack", "proxy")
    assert verdict["message"].startswith("works without the proxy, not with it: ")
    assert page.check("backpack", "start")["message"] == "not tried: HTTP is not answered"
    assert "hunter22" not in page.out
    relay.stop()
    await asyncio.sleep(0.02)


async def test_a_dead_port_an_unknown_name_and_a_strange_certificate_at_once(
    served: Served, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No venue's trouble hides another's, and no server's that of the next."""

    def loop() -> asyncio.AbstractEventLoop:
        made = asyncio.new_event_loop()
        stand.no_names(monkeypatch, made, stand.unknown_name)
        return made

    monkeypatch.setattr(probe, "new_loop", loop)
    tls = stand.Deaf()
    port, dead = await tls.start(stand.certificate(tmp_path)), stand.dead_port()
    public = served.addresses()["ws"]
    venues = {
        "backpack": {"endpoints": {"rest": f"http://127.0.0.1:{dead}", "ws": public}},
        "okx": {
            "endpoints": {
                "rest": "https://nowhere.invalid",
                "public": f"wss://127.0.0.1:{port}/ws",
                "private": public,
                "business": public,
            }
        },
    }
    page = await run("--config", str(stand.written(tmp_path, venues)), "--json", "--timeout", "1")
    assert page.code == 1
    refused = page.check("backpack", "tcp", str(dead))
    assert "Connection refused" in refused["message"]
    assert page.check("backpack", "websocket")["ok"]
    assert not page.check("okx", "dns")["ok"]
    strange = page.check("okx", "tls")
    assert "not trusted" in strange["message"]
    assert strange["remedy"]
    assert page.check("okx", "websocket", "business, private")["ok"]
    missing = page.check("okx", "credentials")
    assert "CTOS_OKX_MAIN_API_KEY" in missing["remedy"]
    await tls.stop()


async def test_a_venue_that_no_driver_can_be_made_for(tmp_path: Path, run: Any) -> None:
    page = await run("--config", str(stand.written(tmp_path, {"backpack": {}})))
    assert page.code == 1
    assert "Backpack has no demo environment" in page.out
    assert "backpack/main has no credentials" in page.out
    assert page.out.splitlines()[-1] == "something is wrong: backpack (2)"


PAPER = {"paper": {"market": {"kind": "synthetic", "symbols": {"BTC/USDT:USDT": {}}}}}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 0, "nothing to probe: paper is simulated"),
        (("paper",), 0, "nothing to probe"),
        (("papr",), 2, 'did you mean "paper"'),
        (("--orders", "paper"), 2, "such as okx/main"),
        (("--orders", "paper/main", "--socket", "none.sock"), 3, "ctosd is not running"),
    ],
)
async def test_nothing_to_do_and_what_cannot_be_done(
    tmp_path: Path, run: Any, words: Sequence[str], code: int, said: str
) -> None:
    page = await run("--config", str(stand.written(tmp_path, PAPER)), *words)
    assert page.code == code
    assert said in page.out + page.err
    as_json = await run("--config", str(stand.written(tmp_path, PAPER)), *words, "--json")
    assert as_json.code == code
    assert (json.loads(as_json.out)["ok"] if code == 0 else as_json.out == "") is True


async def test_a_wrong_configuration_is_told_as_the_daemon_tells_it(tmp_path: Path, run: Any) -> None:
    page = await run("--config", str(stand.written(tmp_path, {"okx": {"environmnt": "demo"}})))
    assert page.code == 4
    assert "environmnt" in page.err
    open_to_all = tmp_path / "accounts.yaml"
    open_to_all.write_text("okx/main: {api_key: k}\n")
    open_to_all.chmod(0o644)
    page = await run("--config", str(stand.written(tmp_path, {"okx": {}})))
    assert page.code == 4
    assert "chmod 600" in page.err


def test_the_options_are_words_of_ctosctl(capfd: pytest.CaptureFixture[str]) -> None:
    assert verbs.run(["probe", "--help"]) == 0
    assert "usage: ctosctl probe" in capfd.readouterr().out
    assert verbs.run(["--timeout", "nothing", "probe"]) == 2
    assert "seconds" in capfd.readouterr().err


# -- orders ------------------------------------------------------------------------------------------------------------


async def ctosctl(*words: str) -> Page:
    """As a person types it."""
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctosd.ctl", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    out, err = await done.communicate()
    assert done.returncode is not None
    return Page(done.returncode, out.decode(), err.decode())


async def test_orders_through_the_running_daemon(served: Served, tmp_path: Path) -> None:
    """The real daemon on the emulator: each order passes its gate and journal, rests in the book, and is gone."""
    path = stand.written(tmp_path, {"backpack": {"endpoints": served.addresses()}})
    var = str(tmp_path / "var")
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctosd", "--config", str(path), "--var", var,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
    )  # fmt: skip
    try:
        log = tmp_path / "var" / "log" / "ctosd.jsonl"
        deadline = time.monotonic() + 20
        while not (log.exists() and '"event":"ready"' in log.read_text()):
            assert daemon.returncode is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        page = await ctosctl("probe", "--orders", "backpack/main", "--var", var, "--json")
        assert page.code == 0, page.out + page.err
        told = json.loads(page.out)
        assert (told["ok"], told["account"]) == (True, "backpack/main")
        assert len(told["orders"]) >= 3
        for order in told["orders"]:
            assert (order["state"], order["ended"], order["ok"]) == ("open", "cancelled", True)
            assert order["client_id"].startswith("ctos")
            assert order["venue_id"]
    finally:
        daemon.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(daemon.communicate(), 20)
    assert daemon.returncode == 0, output.decode()
    assert os.path.exists(tmp_path / "var" / "lib" / "journal.db")


class Scripted:
    """A daemon that lists one perpetual, and refuses every order."""

    def __init__(self, candidates: Sequence[str], timeout_s: float) -> None:
        assert timeout_s == 10.0

    def post(self, path: str, **body: Any) -> Any:
        instrument = {"symbol": "BTC/USDT:USDT", "kind": "perp", "base": "BTC", "quote": "USDT", "tick": "0.1"}
        refusal = {"client_id": "ctos1", "state": "denied", "reason": "unarmed", "message": "okx/main is not armed"}
        answers = {
            "symbols": [{**instrument, "lot": "0.01", "min_size": "0.01", "min_notional": "0"}],
            "get_open_orders": [],
            "get_price_now": "60000.05",
            "place_order": refusal,
        }
        return answers[body["name"]] if body["account"] == "okx/main" else []


async def test_a_refused_order_is_shown_with_the_gates_words(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "Daemon", Scripted)
    page = await run("--orders", "okx/main")
    assert page.code == 1
    head, line = page.out.splitlines()
    assert head == "okx/main: orders 5 % below the market, cancelled at once"
    assert "buy 0.01 at 57000.0" in line
    assert line.endswith("denied  unarmed: okx/main is not armed")
    nothing = await run("--orders", "okx/spot")
    assert nothing.code == 1
    assert "none of BTC, ETH, SOL, XRP, DOGE is listed there as a perpetual" in nothing.out
