"""Who begins a request must end it. This stands last of its room, when most of the waiting is over."""

from __future__ import annotations

import socket
from functools import partial


def test_a_request_that_never_ends_its_header_is_cut(unfinished: list[socket.socket]) -> None:
    """Each of these waits for the end of its connection, 15 seconds at most: servers that are told nothing allow 30."""
    for connection in unfinished:
        answer = b"".join(iter(partial(connection.recv, 4096), b""))
        assert b" 200 " not in answer
