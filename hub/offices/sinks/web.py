"""Files put to a web interface, each at `url/name`."""

from __future__ import annotations

from typing import BinaryIO
from urllib.parse import quote, urlsplit

from hub.offices.places.closing import Closing
from hub.offices.places.web import Web
from hub.offices.sinks.sink import check_name


class WebSink(Closing):
    """The interface of one sink (`Sink`)."""

    def __init__(self, name: str, web: Web) -> None:
        """Takes `web` over, and closes it."""
        self.name = name
        self._who = f"sink {name}"
        self._web = web

    def put(self, name: str, content: BinaryIO) -> None:
        check_name(self._who, name)
        parts = urlsplit(self._web.url)
        path = f"{parts.path.rstrip('/')}/{quote(name, safe='')}"
        self._web.put(parts._replace(path=path, fragment="").geturl(), content)

    def close(self) -> None:
        self._web.close()
