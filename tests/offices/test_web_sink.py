"""A file is put to a web interface under its name, once or again, and only a yes is a yes."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from place_settings import secret, sink_at
from web_server import Told, WebServer

from hub.errors import Code, Problem
from hub.offices.places.web import Web
from hub.offices.sinks import WebSink, open_sink


@pytest.fixture
def put(web: WebServer) -> Callable[[str, bytes], None]:
    def write(name: str, body: bytes) -> None:
        access = sink_at(web.origin + "/in/?box=1").access
        served = Web(access, "sink arrivals", pause=lambda seconds: None)
        with closing(served), WebSink("arrivals", served) as sink:
            sink.put(name, io.BytesIO(body))

    return write


@pytest.mark.parametrize("body", [b"x" * 300_000, b""])
def test_a_file_is_put_at_its_name_beneath_the_address(
    web: WebServer, put: Callable[[str, bytes], None], body: bytes
) -> None:
    web.answer = lambda asked: Told(status=201)
    put("到件 1.csv", body)
    (asked,) = web.asked
    assert (asked.method, asked.path, asked.query) == ("PUT", "/in/%E5%88%B0%E4%BB%B6%201.csv", {"box": "1"})
    assert asked.body == body


def test_the_whole_file_is_put_again_where_the_server_failed(
    web: WebServer, put: Callable[[str, bytes], None]
) -> None:
    web.answer = lambda asked: Told(status=500 if len(web.asked) < 3 else 204)
    put("a.csv", b"whole")
    assert [asked.body for asked in web.asked] == [b"whole"] * 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Code.NOT_ALLOWED),
        (413, Code.TOO_LARGE),
        (302, Code.INVALID),
        (404, Code.NOT_FOUND),
        (507, Code.BUSY),
    ],
)
def test_only_a_yes_is_a_yes(
    web: WebServer, put: Callable[[str, bytes], None], status: int, code: Code
) -> None:
    web.answer = lambda asked: Told(status=status, headers={"Location": "/elsewhere"})
    with pytest.raises(Problem) as raised:
        put("a.csv", b"x")
    assert raised.value.code is code
    assert "sink arrivals" in raised.value.detail


def test_a_name_that_leads_elsewhere_is_never_asked_for(
    web: WebServer, put: Callable[[str, bytes], None]
) -> None:
    for name in ("../a", "a/b", ".hidden"):
        with pytest.raises(Problem):
            put(name, b"x")
    assert web.asked == []


def test_the_token_goes_along(web: WebServer, tmp_path: Path) -> None:
    web.answer = lambda asked: Told()
    token = secret(tmp_path / "token", "abc")
    with open_sink(sink_at(web.origin + "/in", token_file=token), {}) as sink:
        assert isinstance(sink, WebSink)
        sink.put("a.csv", io.BytesIO(b"x"))
    assert web.asked[0].headers["Authorization"] == "Bearer abc"
