"""Entries have one spelling, exactly the members of their row, and nothing that is not a digest or a route."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log import entry, form
from hub.log.note import sign_note, signature_line
from keys.suite import signing_key_from_raw

AT = "2026-11-21T16:30:00.000+08:00"
ID = "018f2c3e-7b6a-7c1d-9e2f-0123456789ab"
DIGEST = "ab" * 32
KID = "T36m5CcBs27Ysxj6cAu-x54qE4dD8Du8WMZp5GpSXRc"
BODY = "150600.exchange\n1\nsomething\n"
NOTE = sign_note(BODY, [signature_line("150600.exchange", signing_key_from_raw(b"k" * 32), BODY)])
ROUTE: dict[str, Any] = {
    "id": ID,
    "revision": 1,
    "digest": DIGEST,
    "kind": "mediation_case",
    "sender": "610800",
    "marking": "amber+strict",
    "to": {"150600": 17, "141100": 2},
}

WRITTEN: dict[str, bytes] = {
    "accepted": entry.accepted(at=AT, **ROUTE),
    "received": entry.received(at=AT, **ROUTE, via="150600.exchange", via_index=0),
    "moved": entry.moved(at=AT, **ROUTE, via="150600.exchange", via_index=0),
    "departed": entry.departed(at=AT, city="150600", node="150600.exchange", last=17),
    "hosted": entry.hosted(
        at=AT, city="150600", via="610800.exchange", via_size=0, last=0, begins=3, before=2, ahead=[4, 7]
    ),
    "served": entry.served(at=AT, by=KID, request=DIGEST, indexes=[3, 5]),
    "opened": entry.opened(at=AT, by="值班员", id=ID, revision=2),
    "refused": entry.refused(at=AT, by=KID, code=Code.NO_AGREEMENT, digest=DIGEST),
    "trust": entry.trust(at=AT, file="trust-list.json", version=4, digest=DIGEST),
    "erased": entry.erased(at=AT, index=9, digest=DIGEST, basis='到期"删除"'),
    "equivocation": entry.equivocation(at=AT, origin="150600.exchange", ours=NOTE, theirs=NOTE),
    "epoch": entry.epoch(at=AT, abandoned=NOTE, basis="磁盘损坏，由备份恢复"),
}


def changed(type_: str, **members: Any) -> bytes:
    """A written entry with members replaced, or taken out where the value is None."""
    found = {**orjson.loads(WRITTEN[type_]), **members}
    kept = {name: value for name, value in found.items() if value is not None}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def numbering(line: bytes) -> dict[str, int] | None:
    return form.numberings([line])[0]


def refusal_of(line: bytes) -> Problem:
    with pytest.raises(Problem) as refusal:
        entry.decode(line)
    return refusal.value


def test_every_type_of_the_table_is_written_and_read_back() -> None:
    assert tuple(WRITTEN) == form.TYPES
    for type_, line in WRITTEN.items():
        decoded = entry.decode(line)
        assert (decoded.type, decoded.at) == (type_, AT)
        assert json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == (
            line.decode()
        )


def test_a_routed_entry_tells_its_route() -> None:
    accepted = entry.decode(WRITTEN["accepted"])
    assert accepted == entry.Accepted(
        AT, ID, 1, DIGEST, "mediation_case", "610800", "amber+strict", {"141100": 2, "150600": 17}
    )
    received = entry.decode(WRITTEN["received"])
    assert isinstance(received, entry.Received)
    assert (received.via, received.via_index, received.sender) == ("150600.exchange", 0, "610800")
    assert not isinstance(received, entry.Accepted)


def test_the_fast_way_reads_the_numbers_of_routed_entries_alone() -> None:
    for type_, line in WRITTEN.items():
        wanted = {"141100": 2, "150600": 17} if type_ in ("accepted", "received") else None
        assert numbering(line) == wanted


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "white space": lambda line: line.replace(b":", b": ", 1),
    "a newline at the end": lambda line: line + b"\n",
    "an escape that JSON does not need": lambda line: line.replace(b"accepted", b"\\u0061ccepted"),
    "names in another order": lambda line: b'{"v":1,' + line.replace(b',"v":1', b"")[1:],
    "a name twice": lambda line: line.replace(b'"v":1', b'"v":1,"v":1'),
    "a city twice": lambda line: line.replace(b'"141100":2,', b'"141100":2,"141100":2,'),
    "cities in another order": lambda line: line.replace(
        b'{"141100":2,"150600":17}', b'{"150600":17,"141100":2}'
    ),
    "a float": lambda line: line.replace(b'"revision":1', b'"revision":1.0'),
    "an exponent": lambda line: line.replace(b'"revision":1', b'"revision":1e0'),
    "a leading zero": lambda line: line.replace(b'"revision":1', b'"revision":01'),
    "a byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "no JSON": lambda line: line[:-1],
    "no object": lambda line: b"[" + line + b"]",
    "not UTF-8": lambda line: line.replace(b"mediation", b"\xff"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_any_other_spelling_of_an_entry_is_refused(name: str) -> None:
    line = SPELLINGS[name](WRITTEN["accepted"])
    assert line != WRITTEN["accepted"]
    assert refusal_of(line).code is Code.MALFORMED
    assert numbering(line) is None


WRONG: list[tuple[str, str, Any]] = [
    ("accepted", "at", "2026-02-30T00:00:00Z"),
    ("accepted", "at", "2026-11-21T16:30:00"),
    ("accepted", "at", "2026-11-21 16:30:00Z"),
    ("accepted", "at", "2026-11-21T24:30:00Z"),
    ("accepted", "at", "20261121T163000Z"),
    ("accepted", "at", "2026-W47-6T16:30:00Z"),
    ("accepted", "at", "2026-11-21T16:30:00,5Z"),
    ("accepted", "at", 1795000000),
    ("accepted", "v", 2),
    ("accepted", "v", True),
    ("accepted", "type", "admitted"),
    ("accepted", "id", ID.upper()),
    ("accepted", "id", ID.replace("-", "")),
    ("accepted", "revision", 0),
    ("accepted", "revision", True),
    ("accepted", "revision", 10**15),
    ("accepted", "digest", DIGEST.upper()),
    ("accepted", "digest", DIGEST[:-1]),
    ("accepted", "kind", "Mediation"),
    ("accepted", "from", "6108"),
    ("accepted", "from", "٦١٠٨٠٠"),
    ("accepted", "marking", "secret"),
    ("accepted", "to", {}),
    ("accepted", "to", {"150600": 0}),
    ("accepted", "to", {"150600": "1"}),
    ("accepted", "to", {"150600": -1}),
    ("accepted", "to", {"15060": 1}),
    ("accepted", "to", {"610800": 1}),
    ("accepted", "to", ["150600"]),
    ("accepted", "to", {str(100_000 + n): 1 for n in range(33)}),
    ("received", "via", "a node"),
    ("received", "via", ""),
    ("received", "via_index", -1),
    ("received", "from", "150600"),
    ("moved", "via", ""),
    ("moved", "to", {}),
    ("moved", "from", "150600"),
    ("departed", "city", "15060"),
    ("departed", "last", -1),
    ("departed", "node", None),
    ("hosted", "via_size", "0"),
    ("hosted", "begins", -1),
    ("hosted", "before", True),
    ("hosted", "ahead", [7, 4]),
    ("hosted", "ahead", [0]),
    ("hosted", "ahead", [1.0]),
    ("hosted", "ahead", list(range(1, 2_002))),
    ("served", "by", "张某"),
    ("served", "indexes", []),
    ("served", "indexes", [1.5]),
    ("served", "indexes", list(range(1001))),
    ("opened", "by", ""),
    ("opened", "by", "a\nb"),
    ("refused", "code", "denied"),
    ("trust", "file", "../root.json"),
    ("trust", "version", 0),
    ("erased", "basis", "x" * 501),
    ("equivocation", "origin", "two words"),
    ("equivocation", "ours", "no note"),
    ("epoch", "abandoned", "no note"),
    ("epoch", "basis", ""),
]


@pytest.mark.parametrize(("type_", "name", "value"), WRONG)
def test_a_member_in_another_form_is_named(type_: str, name: str, value: Any) -> None:
    line = changed(type_, **{name: value})
    refusal = refusal_of(line)
    assert refusal.code is Code.MALFORMED
    assert refusal.where in (f"/{name}", "/to")
    assert numbering(line) is None


def test_a_member_that_is_missing_or_unknown_is_refused() -> None:
    for type_, line in WRITTEN.items():
        for name in orjson.loads(line):
            assert refusal_of(changed(type_, **{name: None})).where == f"/{name}"
        assert refusal_of(changed(type_, note="more")).code is Code.MALFORMED


def test_what_is_written_passes_the_same_checks() -> None:
    for name, value in (
        ("to", {"610800": 1}),
        ("to", {}),
        ("digest", "ab"),
        ("marking", "secret"),
        ("id", "\ud800"),
        ("revision", 2**70),
    ):
        with pytest.raises(Problem) as refusal:
            entry.accepted(**{"at": AT, **ROUTE, name: value})
        assert refusal.value.code is Code.MALFORMED
    with pytest.raises(Problem):
        entry.accepted(at="yesterday", **ROUTE)
    with pytest.raises(Problem):
        entry.opened(at=AT, by="a\ud800", id=ID, revision=1)


def test_an_entry_over_the_limit_is_refused_both_ways() -> None:
    long = f"{'x' * 40_000}\n\n{NOTE.split(chr(10) * 2)[1]}"
    with pytest.raises(Problem) as refusal:
        entry.equivocation(at=AT, origin="150600.exchange", ours=long, theirs=long)
    assert refusal.value.code is Code.TOO_LARGE
    assert refusal_of(b"{" * 65_536).code is Code.TOO_LARGE


CITIES = st.sampled_from(["610800", "150600", "141100", "000000", "61080", "１50600"])
ROUTED_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "at": st.sampled_from(["2026-02-29T00:00:00Z", "2024-02-29T00:00:00.1-23:59", "2026-11-21T08:30:00Z"])
        | st.from_regex(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?(Z|\+[0-9:]{5})"
        ),
        "id": st.sampled_from([ID, ID[:-1], ID[1:] + "0", ID[:-1] + "g", ID.replace("-", "0")])
        | st.uuids().map(str),
        "digest": st.sampled_from(["0" * 64, "0" * 63 + "G", "-" * 64, "0" * 65, '"' + "0" * 63]),
        "revision": st.integers(-1, 3) | st.integers(10**15 - 2, 10**15 + 2),
        "kind": st.text(alphabet="ab_A9", max_size=66),
        "from": CITIES,
        "marking": st.sampled_from(["red", "amber", "amber+strict", "Amber", ""]),
        "to": st.dictionaries(CITIES, st.integers(-1, 3) | st.booleans(), max_size=4),
        "type": st.sampled_from(["accepted", "received", "moved", "served"]),
        "via": st.text(max_size=5),
        "via_index": st.integers(-1, 2),
        "v": st.sampled_from([1, 2, True]),
    },
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["accepted", "received"]), ROUTED_MEMBERS)
def test_the_fast_way_and_the_strict_way_agree(type_: str, members: dict[str, Any]) -> None:
    line = changed(type_, **members)
    try:
        decoded: entry.Entry | None = entry.decode(line)
    except Problem:
        decoded = None
    routed = decoded if isinstance(decoded, entry.Routed) else None
    assert numbering(line) == (routed and routed.to)
    assert entry.decode_routed([line]) == [routed]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(WRITTEN)), st.data())
def test_the_two_ways_agree_on_any_changed_byte(type_: str, data: st.DataObject) -> None:
    line = WRITTEN[type_]
    at = data.draw(st.integers(0, len(line) - 1))
    line = line[:at] + data.draw(st.binary(max_size=2)) + line[at + 1 :]
    routed = False
    with contextlib.suppress(Problem):
        routed = isinstance(entry.decode(line), entry.Routed)
    assert (numbering(line) is not None) == routed


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(sorted(WRITTEN.values())) | st.binary(max_size=3) | st.just(b"\n"), max_size=9)
)
def test_many_lines_are_judged_as_each_alone(lines: list[bytes]) -> None:
    assert form.numberings(lines) == [numbering(line) for line in lines]
    assert entry.decode_routed(lines) == [entry.decode_routed([line])[0] for line in lines]


def test_a_newline_in_an_entry_makes_no_two_of_it() -> None:
    """Or an entry could hide from the count of another."""
    good = WRITTEN["accepted"]
    assert form.numberings([good + b"\n" + good, b"{}", good]) == [None, None, numbering(good)]
    assert form.numberings([good + b"\n", b"\n"]) == [None, None]


def test_one_broken_line_spoils_no_other_and_is_not_lost_among_them() -> None:
    good = WRITTEN["accepted"]
    turned = SPELLINGS["cities in another order"](good)
    no_digest = changed("accepted", digest="0" * 63 + "G")
    no_id = changed("accepted", id=ID[1:] + "0")
    for broken in (turned, no_digest, no_id):
        assert form.numberings([good, broken, good]) == [numbering(good), None, numbering(good)]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: (
        st.lists(values) | st.dictionaries(st.text() | st.sampled_from(["v", "type", "at"]), values)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_lines_of_any_bytes_raise_nothing_but_problems(line: bytes) -> None:
    with contextlib.suppress(Problem):
        entry.decode(line)
    assert numbering(line) is None
