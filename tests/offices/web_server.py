"""A web interface on loopback that answers as it is told, request by request."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Told:
    """An answer. `length` lies about the body's; `hang` waits for the test's end before anything is sent, `stall`
    after the body was.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hang: bool = False
    stall: bool = False


class WebServer:
    """Serves what `answer` gives."""

    def __init__(self, encrypted: ssl.SSLContext | None = None) -> None:
        self.answer: Callable[[Asked], Told] = lambda asked: Told(status=404)
        self.asked: list[Asked] = []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = urlsplit(self.path)
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, body)
                outer.asked.append(asked)
                told = outer.answer(asked)
                if told.hang:
                    outer.over.wait(30)
                    self.close_connection = True
                    return
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                length = len(told.body) if told.length is None else told.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(told.body)
                if told.stall:
                    outer.over.wait(30)
                self.close_connection = length != len(told.body)

            do_GET = do_PUT = _reply  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """The server's own lines are not under test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if encrypted is not None:
            self._server.socket = encrypted.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if encrypted is None else "https"
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def origin(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
