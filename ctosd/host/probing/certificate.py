"""A server's certificate: how long it is good for, and why it is not trusted."""

from __future__ import annotations

import asyncio
import ssl
from socket import socket

from ctosd.host.http import explain

DAY_S = 86_400
NOT_YET, EXPIRED, MISMATCH = 9, 10, (62, 64)
"""OpenSSL's X509_V_ERR codes: not yet valid, expired, another name or address."""
UNSIGNED = (18, 19, 20, 21)
"""Self-signed, or signed by somebody whom this machine does not know."""


def validity(found: ssl.SSLObject | ssl.SSLSocket, now_s: float) -> str:
    """What there is to say of a certificate that was verified."""
    until = str((found.getpeercert() or {}).get("notAfter", ""))
    days = int((ssl.cert_time_to_seconds(until) - now_s) // DAY_S) if until else 0
    return f"{found.version()}, certificate good for {days} more day{'' if days == 1 else 's'}"


def remedy(error: Exception) -> str:
    """What a person can do about a handshake that failed."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "what answers there speaks no TLS that we know: check scheme and port under `endpoints:`, and what lies between"
    if error.verify_code in (EXPIRED, NOT_YET):
        return "check this machine's date (`timedatectl`); when it is right, the server's certificate is at fault"
    if error.verify_code in MISMATCH:
        return "the name leads to another server: check `endpoints:`, /etc/hosts and the name server"
    if error.verify_code in UNSIGNED:
        return (
            "something between reads along (a company's proxy, a virus scanner), or this machine lacks the public"
            " certificates: install ca-certificates, or leave by another network"
        )
    return "look at the certificate: openssl s_client -connect HOST:PORT"


def told(error: Exception, issuer: str) -> str:
    """A handshake's failure in words; `issuer` is who signed the certificate, where that could be found out."""
    signed = f" (signed by {issuer})" if issuer and isinstance(error, ssl.SSLCertVerificationError) else ""
    return explain(error) + signed


async def issuer_of(connection: socket, host: str, timeout_s: float) -> str:
    """Who signed the certificate that is shown on `connection`, without believing it; empty when that cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_s):
            found = await handshake(connection, host, context)
    except (OSError, TimeoutError):
        return ""
    shown = found.getpeercert(binary_form=True)
    return _issuer(shown) if shown else ""


def _issuer(shown: bytes) -> str:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(shown).issuer.rfc4514_string()
    except ValueError:
        return ""


async def handshake(connection: socket, host: str, context: ssl.SSLContext) -> ssl.SSLObject:
    """TLS over a connected socket, which is closed afterwards. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_connection(
            asyncio.Protocol, sock=connection, ssl=context, server_hostname=host
        )
    except BaseException:
        connection.close()
        raise
    found: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    transport.abort()
    assert found is not None
    return found
