"""What is in a request's body: read within limits, whatever it is, and refused by name."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from partner import YULIN, World
from wire import compact

from schemas.limits import PUSH_BYTES, PUSH_RECORDS

MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"records",
    "a list": b"[]",
    "null": b"null",
    "another member": b'{"record": []}',
    "a member more": b'{"records": [], "urgent": true}',
    "records that are no list": b'{"records": {}}',
    "records twice": b'{"records": [], "records": []}',
    "NaN": b'{"records": [NaN]}',
    "1e400": b'{"records": [1e400]}',
    "an integer of 10,000 digits": b'{"records": [' + b"9" * 10_000 + b"]}",
    "a lone surrogate": b'{"records": ["\\ud800"]}',
    "bytes that are not UTF-8": b'{"records": ["\xff"]}',
    "UTF-16": '{"records": []}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"records": []}',
    "something behind": b'{"records": []} x',
    "depth 17": b'{"records": ' + b"[" * 16 + b"]" * 16 + b"}",
    "depth 1,000,000": b'{"records": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
    "depth 1,000,000 of objects": b'{"records":' * 1_000_000,
    "an open end": b'{"records": ["',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_body_that_is_no_push_is_malformed(world: World, name: str) -> None:
    yulin = world.partner(YULIN)
    before = world.types()
    begun = time.monotonic()
    assert yulin.post(MALFORMED[name]).problem == "malformed"
    assert time.monotonic() - begun < 5
    assert world.types() == before
    yulin.deliver(yulin.record())


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/jose", "application/json5", "", "multipart/form-data"]
)
def test_another_content_type_is_malformed(world: World, kind: str) -> None:
    yulin = world.partner(YULIN)
    answer = yulin.post({"records": [yulin.record()]}, headers={"Content-Type": kind})
    assert answer.problem == "malformed"


def test_a_content_type_with_a_charset_is_taken(world: World) -> None:
    yulin = world.partner(YULIN)
    answer = yulin.post(
        {"records": [yulin.record()]}, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert answer.status == 200


def test_a_push_of_nothing_is_invalid(world: World) -> None:
    answer = world.partner(YULIN).post({"records": []})
    assert (answer.problem, answer.json["where"]) == ("invalid", "/records")


def test_a_push_of_too_many_records_is_too_large(world: World) -> None:
    answer = world.partner(YULIN).post({"records": ["x"] * (PUSH_RECORDS + 1)})
    assert (answer.problem, answer.json["where"]) == ("too-large", "/records")
    assert world.types()["refused"] == 0


def test_a_push_of_as_many_as_may_be_is_taken(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(PUSH_RECORDS)))
    assert world.verify().types["accepted"] == PUSH_RECORDS


def test_a_body_over_the_limit_is_too_large(world: World) -> None:
    yulin = world.partner(YULIN)
    assert yulin.post(b'{"records": ["' + b"x" * PUSH_BYTES + b'"]}').problem == "too-large"
    yulin.deliver(yulin.record())


# -- gzip --------------------------------------------------------------------------------------------------

GZIP = {"Content-Encoding": "gzip"}


def test_a_gzipped_push_is_taken(world: World) -> None:
    yulin = world.partner(YULIN)
    body = gzip.compress(compact({"records": [yulin.record() for _ in range(20)]}))
    assert len(yulin.post(body, headers=GZIP).json["outcomes"]) == 20


def test_a_gzip_bomb_is_too_large_and_costs_little(world: World) -> None:
    yulin = world.partner(YULIN)
    bomb = gzip.compress(b'{"records": ["' + b"0" * (5 * PUSH_BYTES))
    assert len(bomb) < PUSH_BYTES // 100
    tracemalloc.start()
    answer = yulin.post(bomb, headers=GZIP)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.problem == "too-large"
    assert peak < 4 * PUSH_BYTES


@pytest.mark.parametrize("item", ["{}", "[]", '{"a":0}'])
def test_a_million_small_things_are_too_large_before_they_are_parsed(world: World, item: str) -> None:
    """They are sent as a few kilobytes and would become a hundred megabytes of objects."""
    yulin = world.partner(YULIN)
    body = b'{"records":[' + b",".join([item.encode()] * 1_000_000) + b"]}"
    sent = gzip.compress(body, compresslevel=1)
    assert len(sent) < len(body) // 100
    tracemalloc.start()
    answer = yulin.post(sent, headers=GZIP)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.problem, answer.json["where"]) == ("too-large", "/records")
    assert peak < 4 * len(body)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "not gzip": lambda body: body,
    "cut short": lambda body: gzip.compress(body)[:-9],
    "something behind": lambda body: gzip.compress(body) + b"x",
    "two members": lambda body: gzip.compress(body[:10]) + gzip.compress(body[10:]),
    "a wrong checksum": lambda body: gzip.compress(body)[:-8] + bytes(8),
    "nothing": lambda _: b"",
    "zlib": zlib.compress,
}


@pytest.mark.parametrize("name", BROKEN)
def test_gzip_that_is_broken_is_malformed(world: World, name: str) -> None:
    yulin = world.partner(YULIN)
    body = BROKEN[name](compact({"records": [yulin.record()]}))
    assert yulin.post(body, headers=GZIP).problem == "malformed"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_another_encoding_is_malformed(world: World, encoding: str) -> None:
    yulin = world.partner(YULIN)
    answer = yulin.post({"records": [yulin.record()]}, headers={"Content-Encoding": encoding})
    assert answer.problem == "malformed"


def test_a_long_answer_is_compressed_for_those_who_ask_for_it(world: World) -> None:
    yulin = world.partner(YULIN)
    records = [yulin.record() for _ in range(10)]
    answer = yulin.post({"records": records}, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < len(answer.content)
    assert len(answer.json["outcomes"]) == 10
    assert "Content-Encoding" not in yulin.post({"records": records}).headers
