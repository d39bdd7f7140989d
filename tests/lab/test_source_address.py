"""`[sync] source`: the address of this machine from which a node asks its peers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from hub.answers import Session
from hub.client import Client
from hub.clock import utc_now
from hub.config import read_config
from hub.errors import Code, Problem
from hub.federation.neighbourhood import Neighbourhood
from hub.lab.building import build, relayed
from hub.lab.relay import Door
from hub.lab.running import doors
from hub.node import Node
from keys.files import read_signing

CITIES = ("610800", "150600")


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def callers() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server, and the addresses from which it was asked."""
    came: list[str] = []

    def application(environ: dict[str, str], start: Callable[..., object]) -> list[bytes]:
        came.append(environ["REMOTE_ADDR"])
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_session_goes_out_from_the_address_that_it_is_given(callers: tuple[str, list[str]]) -> None:
    url, came = callers
    for source in ("127.0.0.12", "127.0.0.13", None):
        with Session(source) as session:
            assert session.get(url, timeout=10).text == "ok"
    assert came == ["127.0.0.12", "127.0.0.13", "127.0.0.1"]


def test_a_node_that_is_relayed_asks_its_peers_from_its_own_address(
    tmp_path: Path, callers: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, came = callers
    lab = build(tmp_path / "lab", CITIES, 2, None, utc_now(), relayed)
    home = tmp_path / "lab" / "nodes" / lab.nodes[1].name
    node = Node(read_config(home / "hub.toml"))
    neighbourhood = Neighbourhood(node, "by hand")
    try:
        client = neighbourhood._dial(node.trust(), lab.nodes[0].name)
        with client._session.get(url, timeout=10) as answer:
            assert answer.text == "ok"
        client.close()
        assert came == ["127.0.0.12"]
    finally:
        neighbourhood.close()
        node.close()


def test_a_relayed_lab_is_found_at_its_relays_and_listens_behind_them(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", CITIES, 2, None, utc_now(), relayed)
    found = doors(tmp_path / "lab", lab)
    assert [door.node for door in found] == [node.name for node in lab.nodes]
    assert [f"http://{door.address[0]}:{door.address[1]}" for door in found] == [
        node.url for node in lab.nodes
    ]
    assert all(isinstance(door, Door) and door.behind != door.address for door in found)
    assert [door.source for door in found] == ["127.0.0.11", "127.0.0.12"]
    plain = build(tmp_path / "plain", CITIES, 2, None, utc_now())
    assert doors(tmp_path / "plain", plain) == []


def test_an_address_that_the_machine_has_not_is_said_to_be_missing(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", CITIES, 1, None, utc_now())
    node = Node(read_config(tmp_path / "lab" / "nodes" / lab.nodes[0].name / "hub.toml"))
    try:
        key = read_signing(Path(lab.systems[0]["key"]), None)
        client = Client(node.trust(), lab.nodes[0].name, key, tries=1, source="192.0.2.77")
        with pytest.raises(Problem, match=r"\[sync\] source") as caught:
            client.checkpoint()
        assert caught.value.code is Code.BUSY
        client.close()
    finally:
        node.close()


@pytest.mark.parametrize("source", ["here", "127.0.0", "10.0.0.1:80", ""])
def test_what_is_no_address_is_refused_where_it_stands(tmp_path: Path, source: str) -> None:
    lab = build(tmp_path / "lab", CITIES, 1, None, utc_now())
    path = tmp_path / "lab" / "nodes" / lab.nodes[0].name / "hub.toml"
    path.write_text(path.read_text().replace("[sync]\n", f'[sync]\nsource = "{source}"\n'))
    with pytest.raises(Problem) as caught:
        read_config(path)
    assert (caught.value.code, caught.value.where) == (Code.INVALID, "/sync/source")
