"""The volume file by itself: what is written can be read, whatever else is read is refused by name."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import Federation, Member

from hub.clock import rfc3339, utc_now
from hub.errors import Code, Problem
from hub.federation.bundles import manifest as manifests
from hub.federation.bundles.bundle import Bundle, IncompleteError, runs
from hub.federation.bundles.manifest import PART_BYTES, Manifest
from hub.federation.bundles.spool import Spool
from hub.federation.bundles.volume import MAGIC, Volume, open_volume, pack, unpack
from keys import compact, record_signature
from keys.suite import base64url, generate_signing
from schemas import strict_json

BUNDLE = "6f1b3c1e-7a51-4c0e-9d1c-2f6d5f0a1b2c"


@pytest.fixture
def maker(nodes: Federation) -> Member:
    return nodes.members[0]


def draft(maker: Member, **said: Any) -> Manifest:
    members = {
        "purpose": "sync",
        "bundle": BUNDLE,
        "sender": maker.name,
        "recipient": "150600.exchange",
        "made_at": rfc3339(maker.world.clock()),
        "checkpoint": maker.world.node.exchange.checkpoint(),
    }
    return Manifest(**{**members, **said})


def written(maker: Member, folder: Path, *parts: bytes, size: int = 10**9, **said: Any) -> list[Path]:
    with Spool(folder, size) as spool:
        for number, content in enumerate(parts):
            spool.add(f"part/{number}", content)
        return spool.finish(draft(maker, **said), maker.world.node.key)


def verified(maker: Member, path: Path) -> Volume:
    return open_volume(path).verify(maker.world.node.trust(), maker.world.clock())


def test_parts_come_back_from_as_many_volumes_as_they_need(maker: Member, tmp_path: Path) -> None:
    parts = [bytes([number]) * 60_000 for number in range(9)]
    size = manifests.FIXED_BYTES + 150_000
    paths = written(maker, tmp_path / "out", *parts, size=size)
    assert len(paths) == 5
    assert all(path.stat().st_size <= size for path in paths)
    assert sorted(tmp_path.glob("out/*")) == sorted(paths), "nothing else is left behind"
    bundle = Bundle([verified(maker, path) for path in reversed(paths)])
    assert [bundle.read(part.name) for part in bundle.parts()] == parts
    bundle.check()


def test_a_bundle_without_parts_is_one_volume(maker: Member, tmp_path: Path) -> None:
    (path,) = written(maker, tmp_path)
    assert list(Bundle([verified(maker, path)]).parts()) == []


def test_missing_volumes_are_named(maker: Member, tmp_path: Path) -> None:
    paths = written(maker, tmp_path, *[b"x" * 60_000] * 5, size=manifests.FIXED_BYTES)
    with pytest.raises(IncompleteError) as caught:
        Bundle([verified(maker, paths[place]) for place in (0, 3)])
    assert caught.value.missing == (2, 3, 5)
    assert "2, 3, 5" in caught.value.detail


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([], []), ([3], ["3"]), ([2, 3], ["2", "3"]), ([1, 4, 5, 6, 9], ["1", "4\N{EN DASH}6", "9"])],
)
def test_many_missing_volumes_are_told_in_few_words(numbers: list[int], said: list[str]) -> None:
    assert runs(numbers) == said


def test_the_same_volume_twice_is_one_and_another_of_its_number_is_refused(
    maker: Member, tmp_path: Path
) -> None:
    (one,) = written(maker, tmp_path / "one", b"x")
    (other,) = written(maker, tmp_path / "other", b"y")
    assert Bundle([verified(maker, one), verified(maker, one)]).read("part/0") == b"x"
    with pytest.raises(Problem, match="not the same"):
        Bundle([verified(maker, one), verified(maker, other)])


def test_volumes_that_say_different_things_of_one_bundle_are_refused(maker: Member, tmp_path: Path) -> None:
    parts = [b"x" * 60_000] * 2
    one = written(maker, tmp_path / "one", *parts, size=manifests.FIXED_BYTES)
    other = written(maker, tmp_path / "other", *parts, size=manifests.FIXED_BYTES, until=7)
    with pytest.raises(Problem, match="do not say the same"):
        Bundle([verified(maker, one[0]), verified(maker, other[1])])


def test_no_byte_can_be_changed_added_or_taken_away(maker: Member, tmp_path: Path) -> None:
    (path,) = written(maker, tmp_path, b"first part", b"second part")
    true = path.read_bytes()

    def refused(content: bytes) -> bool:
        path.write_bytes(content)
        try:
            Bundle([verified(maker, path)]).check()
        except Problem as problem:
            return problem.code is not Code.INTERNAL
        return False

    assert not refused(true)
    for place in range(len(true)):
        assert refused(true[:place] + bytes([true[place] ^ 1]) + true[place + 1 :]), place
    for length in range(len(true)):
        assert refused(true[:length]), length
    assert refused(true + b"\n")
    assert refused(true + true)


@given(st.binary(max_size=200))
def test_any_other_file_is_refused_by_name(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bundle"
    for begin in (b"", MAGIC, MAGIC + b"ey"):
        path.write_bytes(begin + content)
        with pytest.raises(Problem):
            open_volume(path)


def test_a_manifest_without_an_end_is_read_no_further_than_one_may_be(tmp_path: Path) -> None:
    path = tmp_path / "long.bundle"
    with path.open("wb") as file:
        file.write(MAGIC)
        file.truncate(10 * manifests.LINE_BYTES)
    with pytest.raises(Problem) as caught:
        open_volume(path)
    assert caught.value.code is Code.TOO_LARGE


def signed(maker: Member, change: Callable[[dict[str, Any]], object]) -> bytes:
    members = strict_json.loads(draft(maker).encode())
    change(members)
    return compact.write(strict_json.dumps(members), maker.world.node.key, manifests.TYP).encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("purpose", "Sync"),
        ("bundle", BUNDLE.upper()),
        ("volume", 0),
        ("volume", 2),
        ("volume", True),
        ("volumes", 10**6),
        ("from", "../somewhere"),
        ("to", ""),
        ("made_at", "2026-13-01T00:00:00.000Z"),
        ("made_at", "yesterday"),
        ("checkpoint", None),
        ("checkpoint", "x" * 100_000),
        ("since", {"size": -1, "after": -1}),
        ("since", {"size": 0, "after": -1, "more": 0}),
        ("until", {"after": 2**64 - 1}),
        ("until", {"after": 2**53}),
        ("since", {"size": 2**53, "after": -1}),
        ("since", {"size": 0, "after": 2**53}),
        ("known", {"size": 2**63, "after": 5}),
        ("known", {"size": 2**53, "after": 5}),
        ("known", {"size": 5, "after": 2**63}),
        ("known", []),
        ("statement", 5),
        ("cosignatures", [{"checkpoint": "x"}]),
        ("parts", [{"name": "../etc", "bytes": 1, "digest": "0" * 64}]),
        ("parts", [{"name": "items/0", "bytes": PART_BYTES + 1, "digest": "0" * 64}]),
        ("parts", [{"name": "items/0", "bytes": 1, "digest": "0" * 64}] * 2),
        ("parts", {}),
        ("more", 1),
    ],
)
def test_a_manifest_of_another_form_is_refused_though_it_is_signed(
    maker: Member, name: str, value: Any
) -> None:
    manifests.read(signed(maker, lambda members: None))
    with pytest.raises(Problem) as caught:
        manifests.read(signed(maker, lambda members: members.update({name: value})))
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("name", sorted(strict_json.loads(Manifest("", "", "", "", "", "").encode())))
def test_a_manifest_that_lacks_a_member_is_refused(maker: Member, name: str) -> None:
    with pytest.raises(Problem) as caught:
        manifests.read(signed(maker, lambda members: members.pop(name)))
    assert caught.value.code is Code.MALFORMED


def test_a_manifest_has_one_spelling(maker: Member) -> None:
    spaced = compact.write(
        draft(maker).encode().replace(b'":', b'": ', 1), maker.world.node.key, manifests.TYP
    )
    with pytest.raises(Problem):
        manifests.read(spaced.encode())


def test_a_record_is_no_manifest_and_a_manifest_no_record(maker: Member) -> None:
    payload = draft(maker).encode()
    with pytest.raises(Problem, match="typ"):
        manifests.read(record_signature.sign(payload, maker.world.node.key).encode())
    with pytest.raises(Problem, match="typ"):
        record_signature.parse(draft(maker).sign(maker.world.node.key))


def test_only_a_node_key_of_the_node_that_it_names_vouches_for_a_bundle(
    nodes: Federation, maker: Member
) -> None:
    trust, now = maker.world.node.trust(), maker.world.clock()

    def refusal(key: Any, **said: Any) -> Code:
        read = manifests.read(draft(maker, **said).sign(key).encode())
        with pytest.raises(Problem) as caught:
            read.verify(trust, now)
        return caught.value.code

    own, others = maker.world.node.key, nodes.members[1].world.node.key
    manifests.read(draft(maker).sign(own).encode()).verify(trust, now)
    assert refusal(generate_signing()) is Code.UNKNOWN_KEY
    assert refusal(others) is Code.NOT_ALLOWED
    assert refusal(maker.world.node._log_key) in (Code.UNKNOWN_KEY, Code.NOT_ALLOWED)
    assert refusal(own, sender="nobody.exchange") is Code.UNKNOWN_KEY
    assert refusal(own, made_at=rfc3339(now + timedelta(hours=1))) is Code.STALE
    assert refusal(own, made_at=rfc3339(now - timedelta(days=20_000))) is Code.UNKNOWN_KEY


def test_a_signature_of_another_manifest_does_not_help(maker: Member) -> None:
    line = draft(maker).sign(maker.world.node.key)
    header, _payload, signature = line.split(".")
    other = base64url(draft(maker, until=5).encode())
    read = manifests.read(f"{header}.{other}.{signature}".encode())
    with pytest.raises(Problem) as caught:
        read.verify(maker.world.node.trust(), maker.world.clock())
    assert caught.value.code is Code.BAD_SIGNATURE


def test_what_is_packed_is_unpacked_and_no_bomb_goes_off() -> None:
    assert unpack(pack(b"content" * 1000)) == b"content" * 1000
    bomb = gzip.compress(bytes(PART_BYTES + 1))
    assert len(bomb) < PART_BYTES // 500
    for broken, code in (
        (bomb, Code.TOO_LARGE),
        (b"no gzip", Code.MALFORMED),
        (pack(b"x")[:-1], Code.MALFORMED),
        (pack(b"x") + b"y", Code.MALFORMED),
        (pack(b"x") * 2, Code.MALFORMED),
    ):
        with pytest.raises(Problem) as caught:
            unpack(broken)
        assert caught.value.code is code


@contextmanager
def a_small_disk(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_named_refusal_and_leaves_nothing_behind(maker: Member, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with a_small_disk(100_000), pytest.raises(Problem) as caught:
        written(maker, folder, *[b"x" * 60_000] * 3)
    assert caught.value.code is Code.NOT_ALLOWED
    assert list(folder.iterdir()) == []


def test_what_is_there_is_never_written_over(maker: Member, tmp_path: Path) -> None:
    (path,) = written(maker, tmp_path, b"x")
    before = path.read_bytes()
    with pytest.raises(Problem) as caught:
        written(maker, tmp_path, b"y")
    assert caught.value.code is Code.CONFLICT
    assert path.read_bytes() == before
    assert list(tmp_path.glob("*.bundle")) == [path]


def test_a_folder_that_cannot_be_made_is_a_named_refusal(maker: Member, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem) as caught:
        Spool(tmp_path / "file" / "folder")
    assert caught.value.code is Code.NOT_ALLOWED


def test_a_statement_and_another_purpose_travel_in_the_same_form(maker: Member, tmp_path: Path) -> None:
    (path,) = written(maker, tmp_path, b"x", purpose="move", statement='{"city":"150600"}')
    assert open_volume(path).said == replace(
        draft(maker, purpose="move", statement='{"city":"150600"}'),
        made_at=open_volume(path).said.made_at,
        parts=open_volume(path).said.parts,
    )
    assert open_volume(path).said.made <= utc_now() + timedelta(seconds=1)
