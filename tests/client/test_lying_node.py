"""The client against a node that lies: every lie is refused by name, and nothing of it is handed over."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lying import Liar, Told
from partner import ORDOS, XINZHOU, YULIN, World, members_of

from hub.answers import ANSWER_BYTES
from hub.client import Client, Cursor
from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from keys.files import read_signing
from keys.suite import generate_signing

Connect = Callable[..., Client]


@pytest.fixture
def ordos(connect: Connect) -> Client:
    return connect(ORDOS)


@pytest.fixture
def records(world: World, liar: Liar) -> list[str]:
    yulin = world.partner(YULIN)
    made = [yulin.record(), yulin.record(), yulin.record()]
    yulin.deliver(*made)
    return made


def pulled(client: Client, tmp_path: Path) -> list[str]:
    return [arrival.jws for arrival in client.pull(Cursor(tmp_path / "cursor.json"))]


def refused(client: Client, tmp_path: Path) -> Code:
    """The code of a pull's refusal; nothing of the first record may have come before it."""
    cursor = Cursor(tmp_path / "cursor.json")
    with pytest.raises(Problem) as problem:
        next(client.pull(cursor))
    assert cursor.after == -1
    return problem.value.code


# -- the answer itself -------------------------------------------------------------------------------------


def test_the_truth_is_believed(ordos: Client, records: list[str], tmp_path: Path) -> None:
    assert pulled(ordos, tmp_path) == records


def test_an_unsigned_answer_is_no_answer(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def strip(told: Told) -> None:
        for name in ("Signature", "Signature-Input"):
            del told.headers[name]

    liar.lie(strip, signed=False)
    assert refused(ordos, tmp_path) is Code.UNSIGNED


def test_an_answer_changed_on_its_way_is_no_answer(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def change(told: Told) -> None:
        told.body = told.body.replace(b'"more":false', b'"more":true ')
        told.headers["Content-Length"] = str(len(told.body))

    liar.lie(change, signed=False)
    assert refused(ordos, tmp_path) is Code.BAD_SIGNATURE


def test_another_status_than_was_signed_is_no_answer(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def change(told: Told) -> None:
        told.status = 404

    liar.lie(change, signed=False)
    assert refused(ordos, tmp_path) is Code.BAD_SIGNATURE


def test_the_answer_to_an_earlier_request_is_no_answer(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    earlier: list[Told] = []

    def replay(told: Told) -> None:
        earlier.append(Told(told.status, dict(told.headers), told.body))
        told.headers, told.body = dict(earlier[0].headers), earlier[0].body

    liar.lie(replay, signed=False)
    next(ordos.pull(Cursor(tmp_path / "first.json")))
    assert refused(ordos, tmp_path) is Code.BAD_SIGNATURE


def test_an_answer_that_is_signed_but_not_bound_to_its_request_is_no_answer(
    world: World, ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def unbind(told: Told) -> None:
        told.headers |= liar._sign(told, {})

    liar.lie(unbind, signed=False)
    assert refused(ordos, tmp_path) is Code.UNSIGNED


def test_an_answer_by_another_key_is_no_answer(
    world: World, ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    liar._key = generate_signing()
    liar.lie(lambda told: None)
    assert refused(ordos, tmp_path) is Code.UNKNOWN_KEY


def test_an_answer_by_another_key_of_the_trust_list_is_no_answer(
    world: World, ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    liar._key = read_signing(world.lab.systems[0]["key"], None)
    liar.lie(lambda told: None)
    assert refused(ordos, tmp_path) is Code.UNKNOWN_KEY


def test_a_redirect_is_not_followed(ordos: Client, liar: Liar, records: list[str], tmp_path: Path) -> None:
    def redirect(told: Told) -> None:
        told.status = 307
        told.headers["Location"] = "/v1/elsewhere"

    liar.lie(redirect)
    with pytest.raises(Problem):
        pulled(ordos, tmp_path)
    assert not any("elsewhere" in asked for asked in liar.asked)


def test_an_answer_that_is_cut_off_is_a_broken_connection(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def cut(told: Told) -> None:
        told.headers["Content-Length"] = str(len(told.body))
        told.body = told.body[:-7]

    liar.lie(cut, signed=False)
    assert refused(ordos, tmp_path) is Code.BUSY


def test_an_answer_that_is_a_bomb_is_too_large(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def inflate(told: Told) -> None:
        told.body = gzip.compress(b" " * (ANSWER_BYTES + 1))
        told.headers["Content-Encoding"] = "gzip"

    liar.lie(inflate)
    assert refused(ordos, tmp_path) is Code.TOO_LARGE


@pytest.mark.parametrize(
    "body", [b"not gzip", gzip.compress(b"{}", mtime=0)[:-4], b"\xff\xfe", b"[", b"", b"null", b"7"]
)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_answer_that_cannot_be_read_is_malformed(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path, body: bytes, encoding: str
) -> None:
    def garble(told: Told) -> None:
        told.body = body
        told.headers["Content-Encoding"] = encoding

    liar.lie(garble)
    assert refused(ordos, tmp_path) is Code.MALFORMED


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'{"type": 7}', b'{"type": "/problems/new"}'])
def test_a_refusal_in_another_form_is_still_a_problem(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path, body: bytes
) -> None:
    def refuse(told: Told) -> None:
        told.status, told.body = 500, body

    liar.lie(refuse)
    assert refused(ordos, tmp_path) in (Code.MALFORMED, Code.INTERNAL)


@pytest.mark.parametrize("after", ["\u00b2", "9" * 5000, "-1", "1e3", "soon", ""])
def test_a_time_to_come_again_that_is_none_is_none(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path, after: str
) -> None:
    def refuse(told: Told) -> None:
        told.status, told.body = 503, b'{"type": "/problems/internal", "detail": "busy"}'
        told.headers["Retry-After"] = after

    liar.lie(refuse)
    assert refused(ordos, tmp_path) is Code.INTERNAL


def test_the_words_of_a_refusal_are_bounded_and_move_nothing(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    said = "\x1b[2J\x1b]0;owned\x07 \x00 \u202e" + "x" * 1_000_000

    def refuse(told: Told) -> None:
        told.status = 403
        told.body = json.dumps({"type": "/problems/not-allowed", "detail": said, "where": said}).encode()

    liar.lie(refuse)
    with pytest.raises(Problem) as problem:
        next(ordos.pull(Cursor(tmp_path / "cursor.json")))
    for words in (problem.value.detail, problem.value.where or ""):
        assert 100 < len(words) <= 500
        assert words.isprintable()


@pytest.mark.parametrize("one", [b'{"a": 0}', b"[]", b"{}", b"0"])
def test_an_answer_of_more_values_than_any_has_is_not_parsed(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path, one: bytes
) -> None:
    def swell(told: Told) -> None:
        told.body = gzip.compress(b'{"items": [' + b",".join([one] * 1_000_000) + b"]}")
        told.headers["Content-Encoding"] = "gzip"

    liar.lie(swell)
    assert refused(ordos, tmp_path) is Code.TOO_LARGE


def test_no_cookie_is_kept_or_sent_back(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def feed(told: Told) -> None:
        told.headers["Set-Cookie"] = "kept=" + "x" * 4000

    liar.lie(feed)
    for place in ("a.json", "b.json"):
        assert len(list(ordos.pull(Cursor(tmp_path / place)))) == len(records)
    assert len(ordos._session.cookies) == 0


# -- what it says ------------------------------------------------------------------------------------------


def item(name: str, value: Any) -> Callable[[Any], None]:
    def change(page: Any) -> None:
        page["items"][0][name] = value

    return change


def other_marking(page: Any) -> None:
    page["items"][0]["entry"] = page["items"][0]["entry"].replace('"amber"', '"green"')


def other_number(page: Any) -> None:
    page["items"][0]["entry"] = page["items"][0]["entry"].replace(f'"{ORDOS}":1', f'"{ORDOS}":2')


def other_record(page: Any) -> None:
    page["items"][0]["record"] = page["items"][1]["record"]


def other_entry(page: Any) -> None:
    page["items"][0]["entry"] = page["items"][1]["entry"]


def other_place(page: Any) -> None:
    page["items"][0]["index"] += 1


def beyond_the_log(page: Any) -> None:
    page["items"][0]["index"] = 10**6


def broken_signature(page: Any) -> None:
    record = page["items"][0]["record"]
    page["items"][0]["record"] = record[:-20] + "A" * 20


LIES: dict[str, tuple[Callable[[Any], Any], set[Code]]] = {
    "a forged entry": (other_marking, {Code.CONFLICT}),
    "another stream number": (other_number, {Code.BAD_SIGNATURE}),
    "another record": (other_record, {Code.CONFLICT}),
    "another entry": (other_entry, {Code.CONFLICT}),
    "another place": (other_place, {Code.BAD_SIGNATURE}),
    "a place beyond the log": (beyond_the_log, {Code.NOT_FOUND}),
    "a record with a broken signature": (broken_signature, {Code.BAD_SIGNATURE, Code.MALFORMED}),
    "a record that is no text": (item("record", 7), {Code.MALFORMED}),
    "a record that is null": (item("record", None), {Code.MALFORMED}),
    "an entry that is no text": (item("entry", ["x"]), {Code.MALFORMED}),
    "an entry that is no entry": (item("entry", "{}"), {Code.MALFORMED}),
    "an index that is no number": (item("index", "2"), {Code.MALFORMED}),
    "an index below zero": (item("index", -1), {Code.NOT_FOUND, Code.MALFORMED}),
    "an index that is a fraction": (item("index", 2.0), {Code.MALFORMED}),
    "no items": (lambda page: page.pop("items") and None, {Code.MALFORMED}),
    "items that are no list": (lambda page: page.update(items=7), {Code.MALFORMED}),
    "items that are no objects": (lambda page: page.update(items=["x"]), {Code.MALFORMED}),
    "no checkpoint": (lambda page: page.pop("checkpoint") and None, {Code.MALFORMED}),
    "a checkpoint that is no note": (lambda page: page.update(checkpoint="x"), {Code.MALFORMED}),
    "a checkpoint that is no text": (lambda page: page.update(checkpoint=7), {Code.MALFORMED}),
    "an empty page without an end": (lambda page: page.update(items=[], more=True), {Code.MALFORMED}),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_that_the_node_signs_is_refused(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path, name: str
) -> None:
    change, codes = LIES[name]
    liar.lie_in_json(change)
    assert refused(ordos, tmp_path) in codes


def test_the_checkpoint_of_another_tree_is_refused_even_where_the_log_signs_it(
    world: World, ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    forked = sign_checkpoint(
        Checkpoint(world.node.config.name, world.node.store.head().size, b"\x07" * 32), world.node._log_key
    )
    liar.lie_in_json(lambda page: page.update(checkpoint=forked))
    assert refused(ordos, tmp_path) is Code.BAD_SIGNATURE


def test_tiles_of_another_tree_are_refused(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    def change(told: Told) -> None:
        told.body = bytes(len(told.body))

    liar.lie(change, path="/log/tile/0/", signed=False)
    assert refused(ordos, tmp_path) is Code.BAD_SIGNATURE


@pytest.mark.parametrize("size", [0, 31, 10_000])
def test_tiles_of_another_length_are_refused(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path, size: int
) -> None:
    def change(told: Told) -> None:
        told.body = bytes(size)
        told.headers["Content-Length"] = str(size)

    liar.lie(change, path="/log/tile/0/", signed=False)
    assert refused(ordos, tmp_path) is Code.MALFORMED


def test_a_record_that_is_kept_back_shows(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    liar.lie_in_json(lambda page: page["items"].pop(1) and None)
    arrivals = list(ordos.pull(Cursor(tmp_path / "cursor.json")))
    assert [each.jws for each in arrivals] == [records[0], records[2]]
    assert [each.skipped for each in arrivals] == [0, 1]


def test_the_first_record_that_is_kept_back_shows(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    liar.lie_in_json(lambda page: page["items"].pop(0) and None)
    assert [each.skipped for each in ordos.pull(Cursor(tmp_path / "cursor.json"))] == [1, 0]


def test_records_out_of_order_or_twice_are_refused(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    liar.lie_in_json(lambda page: page["items"].insert(1, page["items"][0]))
    pulling = ordos.pull(Cursor(tmp_path / "cursor.json"))
    assert next(pulling).jws == records[0]
    with pytest.raises(Problem) as problem:
        next(pulling)
    assert problem.value.code is Code.CONFLICT


def test_a_page_that_comes_again_and_again_does_not_hold_the_client(
    ordos: Client, liar: Liar, records: list[str], tmp_path: Path
) -> None:
    liar.lie_in_json(lambda page: page.update(more=True))
    with pytest.raises(Problem):
        pulled(ordos, tmp_path)


def test_a_record_for_others_is_not_handed_over(
    world: World, ordos: Client, liar: Liar, tmp_path: Path
) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(yulin.record(to=[XINZHOU]))
    for_others = world.partner(XINZHOU).pull()["items"]
    liar.lie_in_json(lambda page: page.update(items=for_others))
    assert refused(ordos, tmp_path) is Code.CONFLICT


def test_another_record_than_was_asked_for_is_refused(
    world: World, ordos: Client, liar: Liar, records: list[str]
) -> None:
    ids = [arrival["id"] for arrival in world.partner(YULIN).push(*records)]
    theirs = world.partner(ORDOS).get(f"/v1/records/{ids[1]}").json
    liar.lie_in_json(lambda answer: answer.update(items=theirs["items"]), path=f"/v1/records/{ids[0]}")
    with pytest.raises(Problem) as problem:
        ordos.revisions(ids[0])
    assert problem.value.code is Code.CONFLICT


LYING_PAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "the same page again": lambda page: page | {"more": True, "next": -1},
    "no place to go on": lambda page: page | {"more": True, "next": None},
    "empty and yet more": lambda page: page | {"more": True, "next": page["next"] + 1, "items": []},
    "a place that is no number": lambda page: page | {"more": True, "next": "5"},
}


@pytest.mark.parametrize("name", LYING_PAGES)
def test_revisions_that_never_end_do_not_hold_the_client(
    world: World, ordos: Client, liar: Liar, records: list[str], name: str
) -> None:
    (item,) = ordos.revisions(members_of(records[0])["id"])
    asked = len(liar.asked)
    liar.lie_in_json(LYING_PAGES[name], path=f"/v1/records/{item.record.id}")
    with pytest.raises(Problem) as refused:
        ordos.revisions(item.record.id)
    assert refused.value.code is Code.MALFORMED
    assert len(liar.asked) - asked < 10


@pytest.mark.parametrize(
    "answer", [{}, [], {"outcomes": []}, {"outcomes": [7]}, {"outcomes": [{}, {}]}, None]
)
def test_a_push_that_is_not_answered_for_is_told(
    world: World, connect: Connect, liar: Liar, answer: Any
) -> None:
    liar.lie_in_json(lambda _: answer if answer is not None else "none", method="POST")
    with pytest.raises(Problem) as problem:
        list(connect(YULIN).push([world.partner(YULIN).record()]))
    assert problem.value.code is Code.MALFORMED
