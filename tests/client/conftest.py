"""A node in this process behind a real socket, and a place between it and the client for a liar to stand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lying import Liar
from partner import World
from werkzeug.serving import WSGIRequestHandler, make_server

from hub.client import Client
from keys.files import read_signing


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *arguments: Any) -> None:
        """The server's own lines are not under test."""


@pytest.fixture
def liar(world: World) -> Iterator[Liar]:
    """The served node, which tells the truth until it is told to lie."""
    between = Liar(world.application, world.node.key)
    config = world.node.config
    server = make_server(config.host, config.port, between, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield between
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connect(world: World, liar: Liar) -> Iterator[Callable[..., Client]]:
    """A client of one city's system (or of whatever key a path names) before the served node."""
    clients: list[Client] = []

    def make(city: str, **arguments: Any) -> Client:
        path = next(each["key"] for each in world.lab.systems if each["city"] == city)
        arguments = {"clock": world.clock, "tries": 1, **arguments}
        clients.append(
            Client(world.node.trust(), world.node.config.name, read_signing(path, None), **arguments)
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()
