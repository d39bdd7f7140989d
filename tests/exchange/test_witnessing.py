"""A node's checkpoints on their way to witnesses: to a quorum under one checkpoint, and past every false answer."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from listening import listening
from neighbour import Neighbour, key_of
from partner import YULIN, World

from hub import witnessing
from hub.answers import Session
from hub.cosignatures import Cosignatures
from hub.errors import Code, Problem
from hub.lab.building import free_port
from hub.log.checkpoint import Checkpoint, cosign, open_checkpoint, sign_checkpoint
from hub.log.note import COSIGNATURE, VerifierKey, split_note
from hub.store import Job, Store
from hub.store.neighbours import Cosigned, Witnessed
from hub.witness import Witness
from keys.suite import SigningKey, signing_key_from_raw
from keys.trust_list import Node, Trust

Reply = Callable[[bytes], tuple[str, dict[str, str], Iterable[bytes]]]


@dataclass
class Peer:
    """Another node's witness behind a socket; `reply`, where it is set, is said in its place."""

    name: str
    key: SigningKey
    store: Store
    url: str = ""
    witness: Witness | None = None
    reply: Reply | None = None
    asked: list[bytes] = field(default_factory=list)

    @property
    def olds(self) -> list[int]:
        """The old sizes that it was asked with."""
        return [int(each.split(b"\n")[0].removeprefix(b"old ")) for each in self.asked]

    @property
    def node(self) -> Node:
        verifier = VerifierKey(self.name, COSIGNATURE, self.key.public)
        return Node(self.name, self.url, (), str(verifier), str(verifier))

    def holds(self, origin: str) -> int:
        found = self.store.ask(lambda neighbours: neighbours.witnessed(origin))
        return 0 if found is None else found.size


@dataclass
class Region:
    """A node that submits, and the witnesses of others."""

    world: World
    peers: dict[str, Peer]
    session: Session
    quorum: int = 2

    @property
    def name(self) -> str:
        return self.world.described.name

    @property
    def trust(self) -> Trust:
        own = self.world.node.trust()
        nodes = {self.name: own.nodes[self.name], **{name: each.node for name, each in self.peers.items()}}
        return replace(own, nodes=nodes, quorum=self.quorum)

    @property
    def store(self) -> Store:
        return self.world.node.store

    @property
    def size(self) -> int:
        return self.store.head().size

    def submit(self, name: str = "a.example") -> Cosigned | None:
        return witnessing.submit(
            self.session,
            self.peers[name].node,
            self.store,
            self.world.node.exchange,
            trust=self.trust,
            now=self.world.clock(),
        )

    def refusal(self, name: str = "a.example") -> Problem:
        """Why a submission came to nothing."""
        with pytest.raises(Problem) as refused:
            self.submit(name)
        return refused.value

    def grow(self, records: int = 1) -> int:
        yulin = self.world.partner(YULIN)
        yulin.deliver(*(yulin.record() for _ in range(records)))
        return self.size

    def held(self) -> list[tuple[str, int]]:
        return [(each.witness[0], each.size) for each in self.rows()]

    def rows(self) -> list[Cosigned]:
        return self.store.ask(lambda neighbours: neighbours.cosigned())

    def best(self) -> int | None:
        """The size of the checkpoint that has the quorum."""
        found = Cosignatures(self.name, self.store, lambda: self.trust).over(0)
        return None if found is None else found.size

    def checkpoint(self) -> Checkpoint:
        return Checkpoint.parse(split_note(self.store.head().checkpoint)[0])


@contextmanager
def cosigning(region: Region, peer: Peer) -> Iterator[None]:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        peer.asked.append(body)
        assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/witness/add-checkpoint")
        if peer.reply is not None:
            status, fields, parts = peer.reply(body)
            start(status, list(fields.items()))
            return parts
        assert peer.witness is not None
        answer = peer.witness.add_checkpoint(body, region.world.clock())
        start(f"{answer.status} said", [("Content-Type", answer.content_type)])
        return [answer.text.encode()]

    with listening(application) as port:
        peer.url = f"http://127.0.0.1:{port}"
        yield


@pytest.fixture
def open_region(world: World, tmp_path: Path) -> Iterator[Callable[..., Region]]:
    with ExitStack() as held:

        def opened(*names: str, quorum: int) -> Region:
            session = held.enter_context(Session())
            region = Region(world, {}, session, quorum)
            for number, name in enumerate(names, start=1):
                key = signing_key_from_raw(bytes([number]) * 32)
                log = partial(sign_checkpoint, key=key)
                store = Store.open(f"sqlite:///{tmp_path / name}.db", name, log)
                held.callback(store.close)
                peer = region.peers[name] = Peer(name, key, store)
                peer.witness = Witness(name, store, lambda: region.trust, key)
                held.enter_context(cosigning(region, peer))
            return region

        yield opened


@pytest.fixture
def region(open_region: Callable[..., Region]) -> Region:
    """One witness, which is the quorum."""
    return open_region("a.example", quorum=1)


@pytest.fixture
def three(open_region: Callable[..., Region]) -> Region:
    """Three witnesses, of whom two are the quorum."""
    return open_region("a.example", "b.example", "c.example", quorum=2)


# -- the good case ---------------------------------------------------------------------------------------


def test_the_newest_checkpoint_is_cosigned_and_given_out(region: Region) -> None:
    given = region.submit()
    assert given is not None and given.size == region.size
    note = region.world.node.exchange.checkpoint()
    witness = VerifierKey.parse(region.peers["a.example"].node.witness)
    assert len(open_checkpoint(note, region.world.node.log_verifier, [witness]).cosignatures) == 1
    assert region.best() == region.size


def test_what_is_cosigned_is_not_asked_for_again(region: Region) -> None:
    assert region.submit() is not None
    assert region.submit() is None
    assert len(region.peers["a.example"].asked) == 1


def test_a_log_that_stands_still_is_cosigned_anew_after_a_while(region: Region) -> None:
    first = region.submit()
    region.world.clock.advance(seconds=witnessing.AGAIN_SECONDS + 1)
    again = region.submit()
    assert first is not None and again is not None and again.line != first.line
    assert region.rows() == [again]


def test_each_submission_goes_on_from_what_the_witness_has(region: Region) -> None:
    sizes = [0]
    for records in (1, 2, 300):
        assert region.submit() is not None
        sizes.append(region.size)
        region.grow(records)
    assert region.submit() is not None
    assert region.peers["a.example"].olds == sizes
    assert region.peers["a.example"].holds(region.name) == region.size


def test_what_the_witness_has_is_remembered_over_a_restart(region: Region) -> None:
    assert region.submit() is not None
    size = region.size
    region.grow()
    region.session = Session()
    assert region.submit() is not None
    assert region.peers["a.example"].olds == [0, size]


@pytest.mark.parametrize("lost_by", ["node", "witness"])
def test_who_lost_its_memory_is_told_and_nothing_else_is_lost(region: Region, lost_by: str) -> None:
    assert region.submit() is not None
    before = region.size
    region.grow()
    peer = region.peers["a.example"]
    if lost_by == "node":
        region.store.write(Job(lambda transaction: transaction.neighbours.drop_cosigned(2**62)))
    else:
        empty = Witnessed(0, Checkpoint(region.name, 0, EMPTY).root, "")
        peer.store.write(Job(lambda transaction: transaction.neighbours.put_witnessed(region.name, empty)))
    assert region.submit() is not None
    assert peer.olds[1:] == ([0, before] if lost_by == "node" else [before, 0])
    assert peer.holds(region.name) == region.size


EMPTY = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


# -- the quorum ------------------------------------------------------------------------------------------


def test_witnesses_of_a_log_that_grows_all_the_time_still_cosign_one_checkpoint(three: Region) -> None:
    """Were each given the newest one, no two would ever be under the same."""
    reached = []
    for _ in range(4):
        for name in three.peers:
            three.submit(name)
            three.grow()
        reached.append(three.best())
        three.world.clock.advance(seconds=3)
    assert None not in reached
    assert reached == sorted(set(reached), key=lambda size: size or 0), "each turn brings a newer one"


def test_a_witness_that_is_away_holds_the_others_up_for_a_moment_only(three: Region) -> None:
    three.quorum = 3
    first = three.submit("a.example")
    assert first is not None
    three.grow()
    assert three.submit("a.example") is None, "the others are given time"
    three.world.clock.advance(seconds=witnessing.ROUND_SECONDS + 1)
    assert three.submit("a.example") is not None
    assert three.peers["a.example"].olds == [0, first.size]


def test_a_witness_that_is_beyond_what_the_others_have_cosigned_goes_on_with_the_newest(
    three: Region,
) -> None:
    behind = three.submit("a.example")
    three.grow()
    ahead = Witnessed(three.size, three.checkpoint().root, three.store.head().checkpoint)
    three.peers["b.example"].store.write(
        Job(lambda transaction: transaction.neighbours.put_witnessed(three.name, ahead))
    )
    given = three.submit("b.example")
    assert behind is not None and given is not None
    assert given.size == three.size > behind.size
    assert three.peers["b.example"].olds == [0, three.size]


def test_only_what_is_of_use_is_kept(three: Region) -> None:
    three.submit("a.example")
    three.submit("b.example")
    first = three.size
    for _ in range(5):
        three.grow()
        three.submit("c.example")
        three.world.clock.advance(seconds=witnessing.ROUND_SECONDS + 1)
    assert three.held() == [("c", three.size), ("a", first), ("b", first)]
    assert three.best() == first
    three.submit("a.example")
    assert three.held() == [("a", three.size), ("c", three.size), ("b", first)]
    assert three.best() == three.size


def test_what_makes_the_quorum_is_kept_until_a_newer_one_is_there(three: Region) -> None:
    three.submit("a.example")
    three.submit("b.example")
    first = three.size
    three.grow()
    three.submit("a.example")
    assert three.held() == [("a", three.size), ("a", first), ("b", first)]
    assert three.best() == first
    three.submit("b.example")
    assert three.held() == [("a", three.size), ("b", three.size)]


def test_what_a_witness_said_that_left_the_trust_list_is_not_kept(three: Region) -> None:
    three.submit("a.example")
    three.submit("b.example")
    del three.peers["b.example"]
    three.grow()
    three.world.clock.advance(seconds=witnessing.ROUND_SECONDS + 1)
    three.submit("a.example")
    assert {name for name, _ in three.held()} == {"a"}


# -- a log that has gone back ----------------------------------------------------------------------------


def test_a_witness_that_holds_more_than_the_log_has_says_that_it_went_back(region: Region) -> None:
    larger = Neighbour.of(region.world, 0).grow(region.size + 5)
    seen = Witnessed(larger.checkpoint().size, larger.checkpoint().root, larger.note())
    region.peers["a.example"].store.write(
        Job(lambda transaction: transaction.neighbours.put_witnessed(region.name, seen))
    )
    problem = region.refusal()
    assert problem.code is Code.CONFLICT
    assert f"{larger.checkpoint().size} entries" in problem.detail
    assert region.rows() == []


@pytest.mark.parametrize("size", ["smaller", "same"])
def test_a_witness_that_holds_another_tree_says_that_there_are_two_histories(
    region: Region, size: str
) -> None:
    other = Neighbour(region.name, key_of(region.world, 0, "log")).grow(region.size)
    if size == "smaller":
        region.grow()
    seen = Witnessed(other.checkpoint().size, other.checkpoint().root, other.note())
    region.peers["a.example"].store.write(
        Job(lambda transaction: transaction.neighbours.put_witnessed(region.name, seen))
    )
    problem = region.refusal()
    assert problem.code is Code.CONFLICT
    assert region.refusal().code is Code.CONFLICT, "and says so whenever it is asked"
    assert region.rows() == []


def test_a_size_that_the_log_reached_meanwhile_is_no_conflict(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has submitted a newer checkpoint than this one had read."""
    head = Store.head

    def overtaken(store: Store) -> Any:
        monkeypatch.setattr(Store, "head", head)
        read = head(store)
        region.grow()
        assert region.submit() is not None
        region.store.write(Job(lambda transaction: transaction.neighbours.drop_cosigned(2**62)))
        return read

    monkeypatch.setattr(Store, "head", overtaken)
    given = region.submit()
    assert given is not None and given.size == region.size


# -- false answers ---------------------------------------------------------------------------------------


def plain(status: str, text: bytes, **fields: str) -> Reply:
    return lambda _body: (status, {"Content-Type": "text/plain", **fields}, [text])


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        ("200 OK", b"", Code.UNKNOWN_KEY),
        ("200 OK", b"thanks", Code.MALFORMED),
        ("200 OK", b"\xff\xfe", Code.MALFORMED),
        ("200 OK", b"x" * 70_000, Code.TOO_LARGE),
        ("400 no", b"no\n", Code.MALFORMED),
        ("403 no", b"no\n", Code.NOT_ALLOWED),
        ("404 no", b"no\n", Code.NOT_FOUND),
        ("409 no", b"", Code.MALFORMED),
        ("409 no", b"three\n", Code.MALFORMED),
        ("409 no", b"-3\n", Code.MALFORMED),
        ("409 no", b"99999999999999999999999\n", Code.MALFORMED),
        ("409 no", b"1000000\n", Code.CONFLICT),
        ("409 no", b"1\n", Code.BUSY),
        ("409 no", b"0\n", Code.BUSY),
        ("413 no", b"no\n", Code.TOO_LARGE),
        ("418 no", b"no\n", Code.MALFORMED),
        ("422 no", b"no\n", Code.CONFLICT),
        ("429 no", b"no\n", Code.BUSY),
        ("500 no", b"no\n", Code.BUSY),
        ("503 no", b"no\n", Code.BUSY),
    ],
)
def test_every_false_answer_has_a_name_and_nothing_of_it_is_kept(
    region: Region, status: str, text: bytes, code: Code
) -> None:
    region.peers["a.example"].reply = plain(status, text)
    problem = region.refusal()
    assert problem.code is code
    assert "no\n" not in problem.detail and "three" not in problem.detail
    assert region.rows() == []
    assert len(region.peers["a.example"].asked) <= 2


def test_a_redirect_is_not_followed(region: Region) -> None:
    elsewhere = f"http://127.0.0.1:{free_port()}/"
    region.peers["a.example"].reply = plain("307 there", b"", Location=elsewhere)
    assert region.refusal().code is Code.MALFORMED


def test_a_peer_that_is_down_is_busy(region: Region) -> None:
    region.peers["a.example"].url = f"http://127.0.0.1:{free_port()}"
    assert region.refusal().code is Code.BUSY


def test_of_an_answer_without_an_end_no_more_is_read_than_it_may_have(region: Region) -> None:
    ended = threading.Event()

    def flooding() -> Iterator[bytes]:
        while not ended.is_set():
            yield b"." * 10_000

    region.peers["a.example"].reply = lambda _body: ("200 OK", {}, flooding())
    try:
        assert region.refusal().code is Code.TOO_LARGE
    finally:
        ended.set()


def test_a_peer_that_never_comes_to_an_end_is_cut_short(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnessing, "ANSWER_SECONDS", 0.05)
    ended = threading.Event()

    def dripping() -> Iterator[bytes]:
        while not ended.wait(0.01):
            yield b"."

    region.peers["a.example"].reply = lambda _body: ("200 OK", {}, dripping())
    try:
        assert region.refusal().code is Code.BUSY
    finally:
        ended.set()


def lines_by(region: Region, *made: Callable[[Checkpoint, int], str]) -> None:
    """Have the peer answer with these lines, over this node's newest checkpoint and the present time."""
    checkpoint, time = region.checkpoint(), int(region.world.clock().timestamp())
    text = "".join(each(checkpoint, time) for each in made)
    region.peers["a.example"].reply = plain("200 OK", text.encode())


KEY = signing_key_from_raw(bytes([1]) * 32)
STRANGER = signing_key_from_raw(b"s" * 32)


def honest(checkpoint: Checkpoint, time: int) -> str:
    return cosign(checkpoint, "a.example", KEY, time)


def by_another_key(checkpoint: Checkpoint, time: int) -> str:
    return cosign(checkpoint, "a.example", STRANGER, time)


def under_another_name(checkpoint: Checkpoint, time: int) -> str:
    return cosign(checkpoint, "b.example", KEY, time)


def of_a_smaller_log(checkpoint: Checkpoint, time: int) -> str:
    return cosign(Checkpoint(checkpoint.origin, checkpoint.size - 1, bytes(32)), "a.example", KEY, time)


def of_another_root(checkpoint: Checkpoint, time: int) -> str:
    return cosign(Checkpoint(checkpoint.origin, checkpoint.size, bytes(32)), "a.example", KEY, time)


def of_another_log(checkpoint: Checkpoint, time: int) -> str:
    return cosign(Checkpoint("b.example", checkpoint.size, checkpoint.root), "a.example", KEY, time)


def of_an_hour_ago(checkpoint: Checkpoint, time: int) -> str:
    return cosign(checkpoint, "a.example", KEY, time - 3600)


def of_the_future(checkpoint: Checkpoint, time: int) -> str:
    return cosign(checkpoint, "a.example", KEY, time + 3600)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (by_another_key, Code.UNKNOWN_KEY),
        (under_another_name, Code.UNKNOWN_KEY),
        (of_a_smaller_log, Code.BAD_SIGNATURE),
        (of_another_root, Code.BAD_SIGNATURE),
        (of_another_log, Code.BAD_SIGNATURE),
        (of_an_hour_ago, Code.STALE),
        (of_the_future, Code.STALE),
    ],
)
def test_a_line_that_is_not_this_witnesss_word_for_this_checkpoint_is_not_kept(
    region: Region, made: Callable[[Checkpoint, int], str], code: Code
) -> None:
    lines_by(region, made)
    assert region.refusal().code is code
    assert region.rows() == []


def test_a_line_that_was_given_for_the_last_checkpoint_does_not_pass_for_this_one(region: Region) -> None:
    first = region.submit()
    assert first is not None
    region.grow()
    region.peers["a.example"].reply = plain("200 OK", first.line.encode())
    assert region.refusal().code is Code.BAD_SIGNATURE
    assert region.rows() == [first]


def test_of_many_lines_the_witnesss_own_is_kept_and_no_other(region: Region) -> None:
    lines_by(region, under_another_name, honest, by_another_key)
    given = region.submit()
    assert given is not None
    assert given.line == honest(region.checkpoint(), _time_of(given.line))
    assert region.world.node.exchange.checkpoint().count("\N{EM DASH}") == 2


def _time_of(line: str) -> int:
    return int.from_bytes(base64.b64decode(line.split(" ")[2])[4:12], "big")


def test_lines_that_would_make_another_note_of_it_are_refused(region: Region) -> None:
    """An empty line in the answer would have the checkpoint's own signature count as text."""
    line = honest(region.checkpoint(), int(region.world.clock().timestamp()))
    region.peers["a.example"].reply = plain("200 OK", f"\n{line}".encode())
    assert region.refusal().code in (Code.UNKNOWN_KEY, Code.BAD_SIGNATURE, Code.MALFORMED)
    assert region.rows() == []


def test_the_clock_of_the_node_is_what_counts(region: Region) -> None:
    region.world.clock.ahead = timedelta(days=-2)
    assert region.submit() is not None
