"""How a node's answer is read: within limits of size and of time, and by the contract's form.

Whatever is wrong with an answer ends in a Problem: `busy` where the connection broke or was too slow (by whoever reads
it), `too-large`, or `malformed`.

A time-out of `requests` begins anew with every byte, so that an answer can trickle in for ever. Here every read of a
connection, that of the header fields included, counts against one time for the whole answer, which grows only with
what has come.
"""

from __future__ import annotations

import errno
import http.client
import io
import re
import socket
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from hub.errors import Code, Problem
from hub.visible import visible
from schemas import strict_json
from schemas.limits import PAGE_BYTES, PAGE_RECORDS, RECORD_BYTES

ANSWER_BYTES: Final = PAGE_BYTES + PAGE_RECORDS * 1024 + RECORD_BYTES
"""The longest answer that is read, compressed or not."""
ANSWER_MARKS: Final = 128 * PAGE_RECORDS
"""So many commas and opening brackets has the longest answer at most, those inside of entries counted in."""
SAID_CHARACTERS: Final = 500
"""Of a refusal's words so many are kept: they are somebody else's."""
_SECONDS: Final = re.compile("[0-9]{1,6}")
READ_BYTES: Final = 256 * 1024
FIELD_BYTES: Final = 1024 * 1024
"""The longest status line and header fields, interim answers and trailers included."""
BYTES_A_SECOND: Final = 32 * 1024
"""The slowest that an answer may come, once the time-out of a single read is used up: a quarter of a megabit."""
_PROBED: Final = [
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    )
    if hasattr(socket, name)
]
"""A held pull whose other end is gone without a word, as behind a line that was cut, is known to be lost after 25 s."""


class _Patience(io.RawIOBase):
    """A connection as one answer is read from it: for as long as a read may last, and longer as it brings something."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._seconds = connection.gettimeout()
        self._began = time.monotonic()
        self._received = 0
        self._underneath = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._seconds is not None:
            earned = min(self._received, ANSWER_BYTES) / BYTES_A_SECOND
            left = self._began + self._seconds + earned - time.monotonic()
            if left <= 0 or self._received > ANSWER_BYTES + FIELD_BYTES:
                raise TimeoutError("the answer does not come to its end")
            self._connection.settimeout(min(left, self._seconds))
        received = self._underneath.readinto(buffer)
        self._received += received or 0
        return received

    def close(self) -> None:
        self._underneath.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp.close()
        self.fp = io.BufferedReader(_Patience(sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def __init__(self, source: str | None) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        named["socket_options"] = [*HTTPConnection.default_socket_options, *_PROBED]
        if self._source is not None:
            named["source_address"] = (self._source, 0)
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class Session(requests.Session):
    """Leaves redirects alone, and the environment's proxies, and waits for no answer for ever.

    Its parent, told not to follow a redirect, still reads the whole of its body into memory. `source` is the address of
    this machine from which it connects; the system chooses, if none.
    """

    def __init__(self, source: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        # No cookie is taken: they would be kept, and sent back, for as long as the session lasts.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(source))

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def broken(error: BaseException) -> str:
    """Why there was no answer, in a word or two."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno == errno.EADDRNOTAVAIL:
            return "this machine has no such address to connect from: [sync] source"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def receive(raw: Any) -> bytes:
    """An answer's bytes as they were sent; one that is cut off is a broken connection, not a short answer."""
    received = bytearray()
    while part := raw.read(READ_BYTES, decode_content=False):
        received += part
        if len(received) > ANSWER_BYTES:
            raise Problem(Code.TOO_LARGE, "the node's answer is longer than any may be")
    return bytes(received)


def decompress(body: bytes) -> bytes:
    """What was gzipped, within the same limit."""
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, ANSWER_BYTES + 1)
    except zlib.error as error:
        raise Problem(Code.MALFORMED, "the node's answer is not gzip") from error
    if len(plain) > ANSWER_BYTES:
        raise Problem(Code.TOO_LARGE, "the node's answer is longer than any may be")
    return plain


def parse(body: bytes) -> Any:
    """An answer that is JSON. What has more marks than any answer would cost far more to parse than to send.

    Raises: Problem `malformed`, `too-large`.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > ANSWER_MARKS:
        raise Problem(Code.TOO_LARGE, "the node's answer holds more values than any may")
    return strict_json.loads(body)


def text(body: bytes) -> str:
    """An answer that is text: a note, a receipt."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Problem(Code.MALFORMED, "the node's answer is not text") from error


@contextmanager
def contract() -> Iterator[None]:
    """Reading an answer's members: one that lacks them is refused, whatever it holds instead.

    Raises: Problem `malformed`.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Problem(Code.MALFORMED, "the node's answer has not the form of the contract") from error


class Refusal(Problem):
    """A Problem that a node sent, in an answer that it signed: not one that was found here."""


def named(problem: Mapping[str, Any]) -> Refusal:
    """The problem that an RFC 9457 object tells of; `internal` for a type that the contract does not have."""
    name = str(problem.get("type", "")).removeprefix("/problems/")
    code = Code(name) if name in list(Code) else Code.INTERNAL
    detail, where = visible(str(problem.get("detail", "")), SAID_CHARACTERS), problem.get("where")
    return Refusal(code, detail, where=visible(where, SAID_CHARACTERS) if isinstance(where, str) else None)


def problem(body: bytes, fields: Mapping[str, str]) -> Refusal:
    """A refusal as a node sent it, with its Retry-After."""
    with contract():
        refusal = named(parse(body))
    after = fields.get("Retry-After", "")
    refusal.retry_after = int(after) if _SECONDS.fullmatch(after) else None
    return refusal
