"""A WSGI application behind a real loopback socket, for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *arguments: Any) -> None:
        """The server's own lines are not under test."""


@contextmanager
def listening(application: Callable[..., Any], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve `application`, on a free port if none is named; the port. It has ended on return."""
    server = make_server(host, port, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
