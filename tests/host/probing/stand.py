"""What the tests of the probe stand on: servers on loopback, certificates, names without a network, configurations."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ctosd.abi import Emulator
from ctosd.host.config import VenueConfig, load
from ctosd.host.probing.check import Check
from ctosd.host.served import Served
from ctosd.kernel.clock import WallClock
from ctosd.testing.rig import Rig


def named(checks: Sequence[Check], name: str, target: str = "") -> Check:
    """The one check of that name."""
    (found,) = [check for check in checks if check.name == name and target in check.target]
    return found


def spelled(checks: Sequence[Check]) -> list[str]:
    return [f"{check.name} {'ok' if check.ok else 'wrong'}" for check in checks]


async def serve(factory: type[Emulator], **faults: float) -> Served:
    """An emulator on a free port of this loop."""
    rig = Rig(clock=WallClock())
    emulator = factory(None, rig.ports(factory.name, rig.log))
    for name, value in faults.items():
        emulator.set_fault(name, value)
    served = Served(emulator)
    await served.start()
    return served


async def until(ready: Callable[[], bool]) -> None:
    """Let the loop serve until it is so."""
    for _ in range(600):
        if ready():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to that")


def written(folder: Path, venues: Mapping[str, Any]) -> Path:
    """A configuration with these venues."""
    path = folder / "ctos.yaml"
    path.write_text(yaml.safe_dump({"strategies_dir": "", "venues": dict(venues)}))
    return path


def venue(folder: Path, name: str, **settings: Any) -> VenueConfig:
    (found,) = load(written(folder, {name: settings}), {}).venues
    return found


def no_names(monkeypatch: Any, loop: Any, ask: Callable[[str], Awaitable[None]]) -> None:
    """Let `loop` ask `ask` for the names that end in .invalid: no look-up leaves this machine."""
    real = loop.getaddrinfo

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        if str(host).endswith(".invalid"):
            await ask(str(host))
        return await real(host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


async def unknown_name(host: str) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Deaf:
    """Takes connections and says nothing."""

    async def start(self, tls: ssl.SSLContext | None = None) -> int:
        self._writers: list[asyncio.StreamWriter] = []
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def dead_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def certificate(
    folder: Path, *, address: str = "127.0.0.1", days: int = 90, issuer: str = "Nobody's CA"
) -> ssl.SSLContext:
    """A server's context with a certificate that only `folder/cert.pem` vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days, hours=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, end - dt.timedelta(days=1000), end)
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))
