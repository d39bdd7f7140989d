"""Connections under load: one thread, many sockets, requests that are bytes already.

The client shares the machine with the node, so it does as little as can be: it writes bytes, finds the end of
the answer and keeps it. What an answer says is looked at when the clock has stopped.
"""

from __future__ import annotations

import contextlib
import gzip
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

import psutil

from bench.records import Request

READ_BYTES: Final = 1 << 20
BALANCE_SECONDS: Final = 20

Plan = Callable[["Answer | None"], Request | None]
"""Gives a free connection its next request, None for no more; it is told what came on that connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as received, to which request, and the time it took in seconds."""

    request: Request
    head: bytes
    body: bytes
    seconds: float

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    @property
    def fields(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def plain(self) -> bytes:
        """The body as it was before compression."""
        return gzip.decompress(self.body) if b"gzip" in self.head.lower() else self.body


@dataclass(slots=True)
class Run:
    """What one drive gave: the answers, the requests that broke off, wall time, and this client's CPU share."""

    answers: list[Answer] = field(default_factory=list)
    broken: list[Request] = field(default_factory=list)
    seconds: float = 0.0
    client_share: float = 0.0
    """Of one core."""

    def whole(self) -> Run:
        """Itself. Raises: RuntimeError where a request was not answered or not with 200."""
        statuses = {answer.status for answer in self.answers}
        if self.broken or statuses - {200}:
            raise RuntimeError(f"{len(self.broken)} requests broke off; answers were {sorted(statuses)}")
        return self


@dataclass(slots=True)
class _Line:
    """One connection with its request under way."""

    peer: socket.socket
    request: Request
    left: memoryview
    began: float
    received: bytearray = field(default_factory=bytearray)
    body_from: int = 0
    ends: int = -1


def latencies(runs: Sequence[Run]) -> dict[str, float]:
    """How long answers took, in milliseconds."""
    ordered = sorted(answer.seconds for run in runs for answer in run.answers)
    return {
        name: round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def in_order(requests: Sequence[Request]) -> Plan:
    """Each request once, on whichever connection is free."""
    waiting = iter(requests)
    return lambda _answer: next(waiting, None)


def drive(peers: Sequence[socket.socket], plan: Plan, *, within: float, keep: bool = True) -> Run:
    """Keep one request under way on every connection until the plan has no more.

    A connection that breaks is given up. The run's answers are without bodies unless `keep`. Raises:
    TimeoutError after `within` seconds.
    """
    run = Run()
    used, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        lines = {peer: line for peer in peers if (line := _begin(selector, peer, plan(None))) is not None}
        while lines:
            ready = selector.select(1.0)
            if time.perf_counter() - started > within:
                raise TimeoutError(f"{len(lines)} requests are unanswered after {within:g} s")
            for key, events in ready:
                line = lines[key.fileobj]  # type: ignore[index]
                try:
                    answer = _advance(selector, line, events)
                except OSError:
                    run.broken.append(line.request)
                    selector.unregister(line.peer)
                    del lines[line.peer]
                    continue
                if answer is None:
                    continue
                run.answers.append(answer if keep else replace(answer, body=b""))
                selector.unregister(line.peer)
                following = _begin(selector, line.peer, plan(answer))
                if following is None:
                    del lines[line.peer]
                else:
                    lines[line.peer] = following
    run.seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    run.client_share = cpu / run.seconds
    return run


def _begin(selector: selectors.BaseSelector, peer: socket.socket, request: Request | None) -> _Line | None:
    if request is None:
        return None
    line = _Line(peer, request, memoryview(request.wire), time.perf_counter())
    with contextlib.suppress(BlockingIOError, ConnectionError):  # a broken one shows when it is read
        line.left = line.left[peer.send(line.left) :]
    events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.left else 0)
    selector.register(peer, events)
    return line


def _advance(selector: selectors.BaseSelector, line: _Line, events: int) -> Answer | None:
    """Write and read what can be; the answer once it is whole. Raises: OSError for a broken connection."""
    if events & selectors.EVENT_WRITE:
        line.left = line.left[line.peer.send(line.left) :]
        if not line.left:
            selector.modify(line.peer, selectors.EVENT_READ)
    if not events & selectors.EVENT_READ:
        return None
    part = line.peer.recv(READ_BYTES)
    if not part:
        raise ConnectionError("the server closed the connection")
    line.received += part
    if line.ends < 0:
        _read_head(line)
    if line.ends < 0 or len(line.received) < line.ends:
        return None
    seconds = time.perf_counter() - line.began
    head, body = line.received[: line.body_from], line.received[line.body_from : line.ends]
    return Answer(line.request, bytes(head), bytes(body), seconds)


def _read_head(line: _Line) -> None:
    end = line.received.find(b"\r\n\r\n")
    if end < 0:
        return
    line.body_from = end + 4
    head = bytes(line.received[:end]).lower()
    _, found, rest = head.partition(b"content-length:")
    if not found and head[9:12] != b"204":
        raise ConnectionError("an answer without a Content-Length")
    line.ends = line.body_from + (int(rest.split(b"\r\n", 1)[0]) if found else 0)


@contextlib.contextmanager
def connections(url: str, count: int, supervisor: int) -> Iterator[list[socket.socket]]:
    """`count` connections, as many to each of the server's workers.

    The kernel deals out connections by a hash; with few of them one worker might get none. Those that one
    worker has too many of are opened anew.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    kept: dict[socket.socket, int] = {}
    deadline = time.monotonic() + BALANCE_SECONDS
    try:
        while len(kept) < count:
            if time.monotonic() > deadline:
                raise TimeoutError("the connections cannot be spread over the server's workers")
            fresh = [_connect(address) for _ in range(count)]
            owners, workers = _owners(supervisor, {each.getsockname()[1] for each in fresh})
            quota = -(-count // workers)
            for each in fresh:
                owner = owners.get(each.getsockname()[1])
                if owner is None or len(kept) == count or list(kept.values()).count(owner) >= quota:
                    each.close()
                else:
                    kept[each] = owner
        yield list(kept)
    finally:
        for each in kept:
            each.close()


def _connect(address: tuple[str, int]) -> socket.socket:
    peer = socket.create_connection(address, timeout=10)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setblocking(False)
    return peer


def _owners(supervisor: int, ports: set[int]) -> tuple[dict[int, int], int]:
    """Which worker holds the other end of each of our ports, and how many workers listen."""
    owners: dict[int, int] = {}
    listening = set()
    deadline = time.monotonic() + 2
    while len(owners) < len(ports) and time.monotonic() < deadline:
        for worker in psutil.Process(supervisor).children(recursive=True):
            for held in worker.net_connections("tcp"):
                if held.status == psutil.CONN_LISTEN:
                    listening.add(worker.pid)
                elif held.raddr and held.raddr.port in ports:
                    owners[held.raddr.port] = worker.pid
    return owners, max(1, len(listening))
