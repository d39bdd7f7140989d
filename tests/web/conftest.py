"""Connections to a real node that ask for nothing, open for as long as the tests go on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from hub.lab.running import RunningLab

HALVES = (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"POST /v1/records HTTP/1.1\r\n", b"G")


@pytest.fixture(scope="session")
def lingering(running_lab: RunningLab) -> Iterator[list[socket.socket]]:
    """Connections that hold a place and ask for nothing."""
    host, _, port = running_lab.lab.nodes[0].url.removeprefix("http://").partition(":")
    with ExitStack() as held:
        connect = partial(socket.create_connection, (host, int(port)), timeout=15)
        opened = [held.enter_context(connect()) for _ in range(300)]
        for connection, half in zip(opened[-len(HALVES) :], HALVES, strict=True):
            connection.sendall(half)
        yield opened


@pytest.fixture(scope="session")
def unfinished(lingering: list[socket.socket]) -> list[socket.socket]:
    """Those of them that have sent half of a request's header."""
    return lingering[-len(HALVES) :]
