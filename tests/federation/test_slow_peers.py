"""A peer that is no node at all: what comes from its socket ends in a named refusal, soon, whatever it is."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest
from neighbours import Federation, Member

from hub.answers import ANSWER_BYTES
from hub.client import Client
from hub.errors import Code, Problem
from hub.federation.neighbourhood import Neighbourhood
from hub.node import Node
from keys.trust_list import Trust

PATIENCE = 0.4
"""Seconds that a client waits here; an honest answer over loopback takes a few milliseconds."""
SOON = 12.0

Answer = Callable[[socket.socket, threading.Event], None]


class Impostor:
    """Listens where a peer should, and answers each connection as it likes."""

    def __init__(self, host: str, port: int) -> None:
        self.answer: Answer = lambda _connection, _over: None
        self.accepted = 0
        self._over = threading.Event()
        self._listener = socket.create_server((host, port))
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                self.answer(connection, self._over)
            except OSError:
                pass

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


def impatient(node: Node) -> Neighbourhood:
    def connect(trust: Trust, name: str) -> Client:
        return Client(trust, name, node.key, clock=node.clock, tries=1, seconds=PATIENCE)

    return Neighbourhood(node, "impatient", connect)


@pytest.fixture
def impostor(nodes: Federation) -> Iterator[Impostor]:
    config = nodes.members[0].world.node.config
    opened = Impostor(config.host, config.port)
    yield opened
    opened.close()


@pytest.fixture
def second(nodes: Federation) -> Member:
    return nodes.members[1]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"


def trickle(connection: socket.socket, over: threading.Event, part: bytes, before: bytes = b"") -> None:
    """A little, again and again, always in time for a time-out that begins anew with every byte."""
    connection.sendall(before)
    while not over.wait(PATIENCE / 8):
        connection.sendall(part)


def flood(connection: socket.socket, over: threading.Event, part: bytes, before: bytes = b"") -> None:
    connection.sendall(before)
    for piece in repeat(part):
        if over.is_set():
            return
        connection.sendall(piece)


def say(answer: bytes) -> Answer:
    return lambda connection, _over: connection.sendall(answer)


def redirect(status: str, body: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 %s\r\nLocation: http://127.0.0.1:9/log/checkpoint\r\nContent-Length: %d\r\n\r\n"
        % (status.encode(), len(body))
        + body
    )


GIGABYTES = HEAD + b"Content-Length: 10737418240\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LIES: dict[str, tuple[Answer, set[Code]]] = {
    "nothing": (lambda _connection, over: over.wait(60) and None, {Code.BUSY}),
    "an end at once": (say(b""), {Code.BUSY}),
    "no HTTP": (say(b"SSH-2.0-x\r\n"), {Code.BUSY}),
    "an end in the middle": (say(HEAD + b"Content-Length: 100\r\n\r\nabc"), {Code.BUSY}),
    "a status line that trickles": (lambda c, over: trickle(c, over, b"H"), {Code.BUSY}),
    "header fields that trickle": (lambda c, over: trickle(c, over, b"a: b\r\n", HEAD), {Code.BUSY}),
    "header fields without an end": (lambda c, over: flood(c, over, b"a: b\r\n" * 1000, HEAD), {Code.BUSY}),
    "a header field without an end": (
        lambda c, over: flood(c, over, b"a" * 65536, HEAD + b"a: "),
        {Code.BUSY},
    ),
    "interim answers without an end": (
        lambda c, over: flood(c, over, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        {Code.BUSY},
    ),
    "a body that trickles": (lambda c, over: trickle(c, over, b"x", GIGABYTES), {Code.BUSY}),
    "chunks that trickle": (lambda c, over: trickle(c, over, b"1\r\nx\r\n", CHUNKED), {Code.BUSY}),
    "a chunk size that trickles": (lambda c, over: trickle(c, over, b"0", CHUNKED), {Code.BUSY}),
    "ten gigabytes": (lambda c, over: flood(c, over, b"x" * 65536, GIGABYTES), {Code.TOO_LARGE}),
    "chunks without an end": (
        lambda c, over: flood(c, over, b"10000\r\n" + b"x" * 65536 + b"\r\n", CHUNKED),
        {Code.TOO_LARGE},
    ),
    "a body without a length or an end": (
        lambda c, over: flood(c, over, b"x" * 65536, HEAD + b"\r\n"),
        {Code.TOO_LARGE},
    ),
    "trailers without an end": (
        lambda c, over: flood(c, over, b"a: b\r\n" * 1000, CHUNKED + b"1\r\nx\r\n0\r\n"),
        {Code.BUSY},
    ),
    "a page for people": (
        say(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"),
        {Code.MALFORMED},
    ),
    "bytes that are no text": (say(HEAD + b"Content-Length: 2\r\n\r\n\xff\xfe"), {Code.MALFORMED}),
    "gzip that is none": (
        say(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        {Code.MALFORMED},
    ),
    "moved for good": (say(redirect("301 Moved Permanently")), {Code.MALFORMED}),
    "found elsewhere": (say(redirect("302 Found", b"{}")), {Code.MALFORMED, Code.INTERNAL}),
    "moved for now": (say(redirect("307 Temporary Redirect", b"[]")), {Code.MALFORMED}),
    "a gateway's refusal": (
        say(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        {Code.BUSY},
    ),
    "a status that is none": (say(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), {Code.MALFORMED}),
}


@pytest.mark.parametrize("lie", LIES)
def test_whatever_comes_from_the_socket_is_refused_by_name_and_soon(
    nodes: Federation, impostor: Impostor, second: Member, lie: str
) -> None:
    impostor.answer, codes = LIES[lie]
    first = nodes.members[0]
    neighbourhood = impatient(second.world.node)
    began = time.monotonic()
    try:
        with pytest.raises(Problem) as refused:
            neighbourhood.round(first.name)
        with pytest.raises(Problem):
            neighbourhood.lane(first.name)
    finally:
        neighbourhood.close()
    assert refused.value.code in codes
    assert time.monotonic() - began < SOON
    assert impostor.accepted >= 1
    assert second.state(first).failures == 1
    assert second.round(nodes.members[2]).new == 0, "other peers are asked as before"


def test_memory_is_bounded_whatever_is_sent(nodes: Federation, impostor: Impostor, second: Member) -> None:
    impostor.answer = LIES["ten gigabytes"][0]
    neighbourhood = impatient(second.world.node)
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as refused:
            neighbourhood.round(nodes.members[0].name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        neighbourhood.close()
    assert refused.value.code is Code.TOO_LARGE
    assert peak < 3 * ANSWER_BYTES


def test_an_answer_that_is_slow_and_comes_on_is_waited_for(
    nodes: Federation, impostor: Impostor, second: Member
) -> None:
    """Longer than a single read may last, as long as it brings enough."""
    note = nodes.members[0].world.node.exchange.checkpoint().encode()
    padding = b"X-Padding: " + b"x" * 16 * 1024 + b"\r\n"

    def slowly(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(HEAD)
        for _ in range(6):
            connection.sendall(padding)
            over.wait(PATIENCE / 3)
        connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(note), note))

    impostor.answer = slowly
    first = nodes.members[0]
    client = Client(second.world.node.trust(), first.name, second.world.node.key, tries=1, seconds=PATIENCE)
    try:
        assert client.checkpoint().encode() == note
    finally:
        client.close()
