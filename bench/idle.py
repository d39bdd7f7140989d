"""What a round with nothing new costs at 1,000,000 entries: bytes on the wire both ways, requests, milliseconds.

The peer's log has a million entries that concern only its own cities. A relay before it counts what passes.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

from bench.catalogue import Settings
from bench.filling import Filler, time_ordered
from bench.pair import NEIGHBOUR, Pair
from bench.progress import progress
from bench.result import Bar, Result
from bench.sandbox import SENDER
from hub.clock import utc_now
from hub.diagnostics import configure_logging
from hub.federation.neighbourhood import Neighbourhood
from hub.lab.building import free_port
from hub.node import Node

ENTRIES: Final = 1_000_000
QUICK_ENTRIES: Final = 50_000
ROUNDS: Final = 50
READ_BYTES: Final = 1 << 16


class Counted:
    """What passed through a relay so far."""

    def __init__(self) -> None:
        self.bytes = 0
        self.requests = 0
        self.connections = 0


def run(settings: Settings, bar: Bar) -> Result:
    size = QUICK_ENTRIES if settings.quick else ENTRIES
    configure_logging(logging.CRITICAL)
    pair = Pair(settings.folder)
    port = free_port()
    path = pair.path(pair.origin)
    listed = pair.origin.url.removeprefix("http://")
    path.write_text(path.read_text().replace(f'listen = "{listed}"', f'listen = "127.0.0.1:{port}"'))
    with progress("idle", size) as advance:
        jws = pair.source.prepare(1, [NEIGHBOUR])[0].jws
        with pair.store(pair.origin) as store:
            Filler(store, SENDER, [NEIGHBOUR], jws, time_ordered, utc_now()).fill(size, advance)
    with relay(int(listed.rpartition(":")[2]), port) as counted, pair.running(pair.origin, "serve"):
        node = Node(pair.config(pair.taker))
        neighbourhood = Neighbourhood(node, "bench")
        try:
            started = time.perf_counter()
            folded = neighbourhood.round(pair.origin.name).folded
            first = time.perf_counter() - started
            spent, weights, asked = list[float](), list[int](), list[int]()
            for _ in range(ROUNDS):
                before = counted.bytes, counted.requests
                started = time.perf_counter()
                report = neighbourhood.round(pair.origin.name)
                spent.append(time.perf_counter() - started)
                weights.append(counted.bytes - before[0])
                asked.append(counted.requests - before[1])
                if report.folded:
                    raise RuntimeError("the peer's log grew meanwhile")
        finally:
            neighbourhood.close()
            node.close()
    return Result(
        "idle",
        max(weights),
        bar,
        {
            "requests": max(asked),
            "requests_bar": 1,
            "milliseconds": round(1000 * median(spent), 2),
            "milliseconds_at_most": round(1000 * max(spent), 2),
            "rounds": ROUNDS,
            "entries": folded,
            "first_round_seconds": round(first, 1),
            "connections": counted.connections,
        },
        sound=max(asked) == 1 and folded >= size,
    )


@contextmanager
def relay(port: int, onward: int) -> Iterator[Counted]:
    """Whatever comes to `port` goes on to `onward`, both on loopback, and is counted."""
    counted = Counted()
    with socket.create_server(("127.0.0.1", port)) as listening:
        threading.Thread(target=_accept, args=(listening, onward, counted), daemon=True).start()
        yield counted


def _accept(listening: socket.socket, onward: int, counted: Counted) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        try:
            far = socket.create_connection(("127.0.0.1", onward))
        except OSError:  # nobody listens there yet
            near.close()
            continue
        counted.connections += 1
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=(source, sink, counted, source is near), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, counted: Counted, asking: bool) -> None:
    try:
        while part := source.recv(READ_BYTES):
            counted.bytes += len(part)
            if asking:
                counted.requests += len(re.findall(rb"(?:GET|POST) [^ ]+ HTTP/1\.1\r\n", part))
            sink.sendall(part)
    except OSError:
        pass
    finally:
        source.close()
        sink.close()
