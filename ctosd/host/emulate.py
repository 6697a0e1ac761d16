"""`ctosctl emulate`: a venue's emulator on loopback, for the real driver and for anybody's client.

It prints the addresses and the keys that it takes, then serves until Ctrl-C. Faults are switched by `--fault name=value`, at
the start, or later with `--at URL` on the running one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ctosd.abi import CallerMistake, CtosError, Emulator, Misconfigured, Ports
from ctosd.host import modprobe
from ctosd.host.config.document import Document, Section
from ctosd.host.config.mistakes import Report
from ctosd.host.config.validate import validate
from ctosd.host.config.yamlfile import read_file
from ctosd.host.logs.hub import Logs
from ctosd.host.served import CONTROL, Served
from ctosd.kernel.clock import WallClock
from ctosd.kernel.tasks import Tasks

DONE, FAILED, USAGE, CONFIGURATION = 0, 1, 2, 4


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ctosctl emulate",
        description="Serve a venue's own protocol on loopback: simulated market, simulated money, real wire.",
        epilog="example: ctosctl emulate okx --port 9001    (then: ctosd --config etc/okx-emulated.yaml)",
    )
    add = parser.add_argument
    add("venue", nargs="?", default="", metavar="VENUE", help="okx, binance, backpack, or MODULE:CLASS")
    add("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    add("--port", type=int, default=0, help="the port (default: any free one)")
    add("--settings", type=Path, metavar="FILE", help="YAML: the emulator's market, balances, fees, instruments")
    add("--market", metavar="FILE", default="", help="play this recording instead of the synthetic market")
    add("--symbol", default="BTC/USDT:USDT", help="the symbol of the recording (default BTC/USDT:USDT)")
    add("--speed", type=float, default=1.0, help="market seconds per second (default 1)")
    add("--seed", type=int, default=None, help="seed of the synthetic market")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="switch a fault; 0 switches it off; repeatable",
    )
    add("--at", default="", metavar="URL", help="switch faults of an emulator that runs there, and show its figures")
    add("--faults", action="store_true", help="list the faults that it knows, and end")
    add("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    args = options(sys.argv[1:] if argv is None else argv)
    try:
        faults = dict(map(_fault, args.fault))
        if args.at:
            return _switch(args, faults)
        factory = modprobe.resolve("ctos.emulators", _demand(args.venue), Path()).factory
        if args.faults:
            return _list(factory, args)
        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(_serve(factory, args, faults))
    except Misconfigured as error:
        print(f"ctosctl emulate: {error}", file=sys.stderr)
        return CONFIGURATION
    except CtosError as error:
        print(f"ctosctl emulate: {error}", file=sys.stderr)
        return USAGE


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _demand(venue: str) -> str:
    if not venue:
        raise CallerMistake(f"which venue? there are {', '.join(modprobe.names('ctos.emulators'))}")
    return venue


def _fault(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        return name, float(value if equals else "1")
    except ValueError:
        raise CallerMistake(f"--fault {text}: write NAME=VALUE with a number, such as book_gap=0.1") from None


def _list(factory: type[Emulator], args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps(dict(factory.faults), indent=2))
    else:
        width = max(map(len, factory.faults))
        for name, meaning in sorted(factory.faults.items()):
            print(f"{name:<{width}}  {meaning}")
    return DONE


# -- serving -----------------------------------------------------------------------------------------------------------


def settings_of(factory: type[Emulator], args: argparse.Namespace) -> Any:
    """The emulator's settings from a file and from options; None for its defaults. Raises `Misconfigured`."""
    report = Report()
    data: dict[str, Any] = {}
    document = Document("the options", report)
    if args.settings is not None:
        document = read_file(args.settings, report)
        data = dict(document.data or {})
    market = dict(data.get("market") or {})
    if args.market:
        market |= {"kind": "recorded", "feeds": [{"path": str(Path(args.market).resolve()), "symbol": args.symbol}]}
    market |= {"speed": args.speed} if args.speed != 1.0 else {}
    market |= {"seed": args.seed} if args.seed is not None else {}
    if market:
        data["market"] = market
    found = validate(factory.config, Section(document), "", data) if data else None
    report.close()
    return found


async def _serve(factory: type[Emulator], args: argparse.Namespace, faults: Mapping[str, float]) -> int:
    clock = WallClock()
    logs = Logs.open(level="warning", console="json", now_ns=clock.now_ns, environ=os.environ, stream=sys.stderr)
    log = logs.logger()
    tasks = Tasks(lambda name, error: log.error("task_failed", task=name, reason=repr(error)))

    def spawn(name: str, coro: Coroutine[Any, Any, None]) -> None:
        tasks.spawn(name, coro)

    def open_feed(spec: Mapping[str, Any]) -> Any:
        from ctosd.host.archive import open_feed

        return open_feed(spec, venue=factory.name, base=Path(), decoder=None, log=log)

    ports = Ports(
        venue=factory.name, clock=clock, log=log, publish=lambda name, event: None, spawn=spawn, open_feed=open_feed
    )
    emulator = factory(settings_of(factory, args), ports)
    for name, value in faults.items():
        emulator.set_fault(name, value)
    served = Served(emulator)
    await served.start(args.host, args.port)
    _announce(emulator, served, args)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        await served.stop()
        await tasks.cancel()
        logs.close()
    return DONE


def _announce(emulator: Emulator, served: Served, args: argparse.Namespace) -> None:
    """What a person, or a script, needs to know to use it."""
    found = {
        "venue": emulator.name,
        "endpoints": served.addresses(),
        "credentials": [dict(each) for each in emulator.credentials()],
    }
    if args.json:
        print(json.dumps(found), flush=True)
        return
    print(f"{emulator.name} is emulated; no real money, no network. In ctos.yaml:\n")
    print(f"venues:\n  {emulator.name}:\n    endpoints:")
    for name, address in served.addresses().items():
        print(f"      {name}: {address}")
    print("\nand the keys that it takes:\n")
    for fields in emulator.credentials():
        print("  " + "  ".join(f"{name}: {_one_line(value)}" for name, value in fields.items()))
    print("\nfaults: ctosctl emulate --at " + served.control() + " --fault NAME=VALUE; Ctrl-C ends it", flush=True)


def _one_line(text: str) -> str:
    return json.dumps(text) if "\n" in text else text


# -- a running one ---------------------------------------------------------------------------------------------------------


def _switch(args: argparse.Namespace, faults: Mapping[str, float]) -> int:
    """Switch faults of the emulator at `--at`, then print its figures."""
    url = args.at.rstrip("/")
    url = url if url.endswith(CONTROL) else url + CONTROL
    try:
        for name, value in faults.items():
            body = json.dumps({"fault": name, "value": value}).encode()
            _ask(urllib.request.Request(url, data=body, headers={"content-type": "application/json"}))
        print(json.dumps(_ask(urllib.request.Request(url)), indent=2))
    except urllib.error.HTTPError as error:
        print(f"ctosctl emulate: {error.read().decode(errors='replace')}", file=sys.stderr)
        return USAGE
    except (urllib.error.URLError, ValueError) as error:
        print(f"ctosctl emulate: no emulator answers at {args.at}: {error}", file=sys.stderr)
        return FAILED
    return DONE


def _ask(request: urllib.request.Request) -> Any:
    if not request.full_url.startswith("http"):
        raise ValueError("write its address, such as http://127.0.0.1:9001")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as reply:
        return cast("Any", json.loads(reply.read()))


if __name__ == "__main__":
    sys.exit(main())
