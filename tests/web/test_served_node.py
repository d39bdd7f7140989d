"""A node as its own processes over loopback HTTP: what only a real server shows.

All of it happens while hundreds of connections are open that say nothing, or half of a request.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import wire
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from partner import ORDOS, YULIN, Answer, Clock, Partner

from hub.lab.building import LabNode
from hub.lab.running import RunningLab
from schemas.limits import PUSH_BYTES

pytestmark = pytest.mark.usefixtures("lingering")


def send(url: str, method: str, target: str, body: Any, headers: Mapping[str, str]) -> Answer:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        chunked = headers.get("Transfer-Encoding") == "chunked"
        connection.request(method, target, body, dict(headers), encode_chunked=chunked)
        answer = connection.getresponse()
        fields = {name.title(): value for name, value in answer.getheaders()}
        return Answer(answer.status, fields, answer.read())
    finally:
        connection.close()


@pytest.fixture
def node(running_lab: RunningLab) -> LabNode:
    return running_lab.lab.nodes[0]


@pytest.fixture
def yulin(running_lab: RunningLab) -> Partner:
    return partner(running_lab, YULIN)


def partner(running: RunningLab, city: str) -> Partner:
    node = running.lab.nodes[0]
    public = load_pem_public_key(node.public_key.encode())
    assert isinstance(public, Ed25519PublicKey)
    path = next(each["key"] for each in running.lab.systems if each["city"] == city)
    return Partner(
        lambda *request: send(node.url, *request),
        node.url,
        public,
        wire.Key.read(path),
        city,
        Clock(),
        running.lab.agreements[0]["id"],
    )


def test_connections_that_say_nothing_do_not_stop_the_node(yulin: Partner) -> None:
    """Each worker has 96 threads: more connections than all of them, and all of them answer."""
    for _ in range(8):
        assert yulin.send("GET", "/healthz", None, {}).status == 200
    with ThreadPoolExecutor(32) as threads:
        answers = [threads.submit(yulin.get, "/v1/records?limit=1") for _ in range(64)]
        assert {each.result().status for each in answers} == {200}


def pieces(body: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def chunked(partner: Partner, body: bytes, sent: Iterator[bytes] | None = None) -> Answer:
    """A push in chunks, of a length that nobody announced."""
    fields = wire.sign_request(partner.key, "POST", partner.url + "/v1/records", body, now=partner.clock())
    fields |= {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    stream: Any = sent if sent is not None else pieces(body)
    answer = send(partner.url, "POST", "/v1/records", stream, fields)
    wire.check_answer(answer.status, answer.headers, answer.body, fields, partner.node_key)
    return answer


def test_records_cross_a_real_server(running_lab: RunningLab, yulin: Partner) -> None:
    record = yulin.record()
    (outcome,) = yulin.deliver(record)
    ordos = partner(running_lab, ORDOS)
    page = ordos.pull(f"?after={outcome['index'] - 1}&limit=1")
    assert [item["record"] for item in page["items"]] == [record]


def test_a_body_in_chunks_is_taken_within_the_limit(yulin: Partner) -> None:
    body = wire.compact({"records": [yulin.record() for _ in range(150)]})
    assert len(body) > 2 * 64 * 1024
    answer = chunked(yulin, body)
    assert [each["status"] for each in answer.json["outcomes"]] == ["accepted"] * 150


def test_a_body_in_chunks_beyond_the_limit_is_too_large(yulin: Partner) -> None:
    assert chunked(yulin, b'{"records": ["' + b"x" * PUSH_BYTES + b'"]}').problem == "too-large"


def test_chunks_that_are_not_the_signed_body_are_a_bad_signature(yulin: Partner) -> None:
    ours, theirs = (wire.compact({"records": [yulin.record()]}) for _ in range(2))
    assert chunked(yulin, theirs, pieces(ours)).problem == "bad-signature"


def test_a_stranger_makes_nobody_read_its_body(yulin: Partner) -> None:
    """The refusal comes while most of what was announced has not been sent."""
    stranger = wire.Key.new()
    target = yulin.url + "/v1/records"
    fields = wire.sign_request(stranger, "POST", target, b"whatever", now=yulin.clock())
    host, _, port = yulin.url.removeprefix("http://").partition(":")
    lines = [
        "POST /v1/records HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {PUSH_BYTES}",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + b"x" * 1000)
        assert b" 401 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_held_pull_crosses_processes(running_lab: RunningLab, yulin: Partner) -> None:
    """The pull may be held by one web process while another takes the push."""
    ordos = partner(running_lab, ORDOS)
    cursor = -1
    while (page := ordos.pull(f"?after={cursor}"))["items"]:
        cursor = page["next"]
    with ThreadPoolExecutor(4) as threads:
        held = [threads.submit(ordos.pull, f"?after={cursor}&wait=20") for _ in range(4)]
        record = yulin.record()
        yulin.deliver(record)
        for each in held:
            assert [item["record"] for item in each.result(timeout=15)["items"]] == [record]


def test_a_request_replayed_to_another_process_is_refused(yulin: Partner) -> None:
    assert yulin.get("/v1/records").status == 200
    for _ in range(6):
        assert yulin.send_as_is("GET", "/v1/records", None, yulin.last_request).problem == "replayed"


def test_garbage_does_not_end_the_server(node: LabNode, yulin: Partner) -> None:
    host, _, port = node.url.removeprefix("http://").partition(":")
    for garbage in (
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01" + os.urandom(200),
        b"GET /\r\n\r\n",
    ):
        # The server may hang up at any of these steps.
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert yulin.get("/healthz").status == 200


@pytest.mark.parametrize(
    "target", ["//v1/records", "///v1/records", "//healthz", "//metrics", "/v1//records"]
)
def test_a_doubled_slash_leads_nowhere(yulin: Partner, target: str) -> None:
    """What a gateway forbids by its path must not be reached by another spelling of it."""
    for signed in (target, target.replace("//", "/"), "/v1/records"):
        fields = wire.sign_request(yulin.key, "GET", yulin.url + signed, None, now=yulin.clock())
        answer = yulin.send("GET", target, None, fields)
        assert answer.problem == "not-found"
        assert "Location" not in answer.headers


def test_a_record_is_not_had_by_head_or_options(yulin: Partner) -> None:
    (outcome,) = yulin.deliver(yulin.record())
    target = f"/v1/records/{outcome['id']}"
    for method in ("HEAD", "OPTIONS"):
        fields = wire.sign_request(yulin.key, method, yulin.url + target, None, now=yulin.clock())
        answer = yulin.send(method, target, None, fields)
        assert answer.status == 404
        assert "Allow" not in answer.headers


def test_the_nodes_own_log_names_no_contents(running_lab: RunningLab, yulin: Partner) -> None:
    record = yulin.record()
    yulin.deliver(record)
    yulin.push("13912345678", yulin.record(body={"headline": "张某某 11010519491231002X"}))
    trust = Path(running_lab.lab.trust)
    written = (trust.parent / "nodes" / running_lab.lab.nodes[0].name / "node.log").read_text()
    assert yulin.key.kid in written
    for secret in ("13912345678", "张某", "11010519491231002X", *record.split(".")[1:]):
        assert secret not in written


def test_metrics_of_all_processes_come_together(yulin: Partner) -> None:
    before = total(yulin)
    for _ in range(8):
        yulin.deliver(yulin.record())
    assert total(yulin) == before + 8


def total(yulin: Partner) -> float:
    text = yulin.send("GET", "/metrics", None, {}).content.decode()
    lines = [line for line in text.splitlines() if line.startswith('hub_records_total{outcome="accepted"}')]
    return float(lines[0].split()[-1]) if lines else 0.0


def test_a_second_start_at_the_same_address_is_refused_and_harms_nobody(
    running_lab: RunningLab, node: LabNode
) -> None:
    config = Path(running_lab.lab.trust).parent / "nodes" / node.name / "hub.toml"
    second = subprocess.run(
        [sys.executable, "-m", "hub", "serve", "--config", str(config)],
        capture_output=True,
        text=True,
        env={**os.environ, "HUB_LANG": "en"},
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "listens at" in second.stderr
    assert send(node.url, "GET", "/readyz", None, {}).status == 200
