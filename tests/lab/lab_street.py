"""Relays on free ports, before servers that send back what they are told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest

from hub.lab.building import free_port
from hub.lab.relay import Door, Relays

YULIN, ORDOS, XINZHOU = "610800.exchange", "150600.exchange", "140900.exchange"
OUTSIDE = "127.0.0.1"
ANSWER_SECONDS = 10.0


class Echo:
    """A server that sends back what comes, and counts who came."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.came = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.came += 1
            self._open.append(peer)
            self._threads.append(threading.Thread(target=self._echo, args=(peer,)))
            self._threads[-1].start()

    @staticmethod
    def _echo(peer: socket.socket) -> None:
        with suppress(OSError):
            while part := peer.recv(65536):
                peer.sendall(part)
            peer.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self._open:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for peer in self._open:
            peer.close()


@dataclass
class Street:
    """Three nodes' doors, each with a server behind it."""

    relays: Relays
    doors: dict[str, Door]
    echoes: dict[str, Echo]
    calls: ExitStack

    def call(self, caller: str, node: str) -> socket.socket:
        """A connection to a node's door, from another node's address or from outside."""
        source = self.doors[caller].source if caller in self.doors else caller
        peer = socket.create_connection(
            self.doors[node].address, timeout=ANSWER_SECONDS, source_address=(source, 0)
        )
        return self.calls.enter_context(peer)


@pytest.fixture
def street() -> Iterator[Street]:
    with ExitStack() as opened:
        echoes, doors = {}, {}
        for number, name in enumerate((YULIN, ORDOS, XINZHOU)):
            echoes[name] = Echo()
            opened.callback(echoes[name].close)
            behind = echoes[name].listener.getsockname()
            doors[name] = Door(name, ("127.0.0.1", free_port()), behind, f"127.0.0.{11 + number}")
        relays = opened.enter_context(Relays(list(doors.values())))
        yield Street(relays, doors, echoes, opened.enter_context(ExitStack()))


def echoed(peer: socket.socket, said: bytes = b"are you there?") -> bytes:
    """What comes back, as much as was said; less where the connection ends."""
    peer.sendall(said)
    return heard(peer, len(said))


def heard(peer: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count and (part := peer.recv(count - len(received))):
        received += part
    return received
