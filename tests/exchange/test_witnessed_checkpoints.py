"""Which checkpoint is given out: cosigned as far as witnesses have come, and covering all that it comes with."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from listening import listening
from neighbour import key_of
from partner import ORDOS, XINZHOU, YULIN, Partner, World, members_of

from hub.client import Client
from hub.cosignatures import Cosignatures
from hub.cursor import Passing
from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, VerifiedCheckpoint, cosign, open_checkpoint
from hub.log.note import COSIGNATURE, VerifierKey, split_note
from hub.log.receipt import Receipt
from hub.log.verifier import verify_record
from hub.store import Job, Store
from hub.store.neighbours import Cosigned
from keys.files import read_signing
from keys.suite import SigningKey, signing_key_from_raw
from keys.trust_list import Node, Trust


class Seconds:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def next(self) -> None:
        self.now += 1.5


@pytest.fixture
def seconds(world: World) -> Seconds:
    """The clock by which the node looks for new cosignatures."""
    made = Seconds()
    node = world.node
    node.exchange.cosignatures = Cosignatures(node.config.name, node.store, node.trust, made)
    return made


def cosigned(world: World, key: SigningKey | None = None, name: str | None = None) -> int:
    """Have the other node's witness cosign the newest checkpoint; its size."""
    head = world.node.store.head()
    checkpoint = Checkpoint.parse(split_note(head.checkpoint)[0])
    name = name or world.lab.nodes[1].name
    line = cosign(checkpoint, name, key or key_of(world, 1, "witness"), int(world.clock().timestamp()))
    row = Cosigned(name, head.size, head.checkpoint, line, "2026-11-21T08:30:00.000Z")
    world.node.store.write(Job(lambda transaction: transaction.neighbours.put_cosigned(row)))
    return head.size


def opened(world: World, note: str, trust: Trust | None = None) -> VerifiedCheckpoint:
    nodes = (trust or world.node.trust()).nodes
    others = [VerifierKey.parse(each.witness) for name, each in nodes.items() if name != world.described.name]
    return open_checkpoint(note, world.node.log_verifier, others)


def newest(world: World) -> VerifiedCheckpoint:
    return opened(world, world.send("GET", "/log/checkpoint", None, {}).content.decode())


def proven(partner: Partner, jws: str) -> Receipt:
    answer = partner.get(f"/v1/records/{members_of(jws)['id']}/proof")
    assert answer.status == 200
    return Receipt.parse(answer.content)


# -- the newest one --------------------------------------------------------------------------------------


def test_the_newest_checkpoint_bears_what_is_held_for_exactly_it(world: World) -> None:
    assert newest(world).cosignatures == ()
    size = cosigned(world)
    assert (newest(world).size, len(newest(world).cosignatures)) == (size, 1)
    world.partner(YULIN).deliver(world.partner(YULIN).record())
    assert newest(world).size > size
    assert newest(world).cosignatures == (), "nobody has seen the newer one yet"


def test_a_line_that_is_kept_with_another_checkpoint_of_that_size_is_not_shown(world: World) -> None:
    """A copy of the database from before an accident may hold one."""
    head = world.node.store.head()
    other = Checkpoint(head.origin, head.size, bytes(32))
    line = cosign(other, world.lab.nodes[1].name, key_of(world, 1, "witness"), 1)
    row = Cosigned(world.lab.nodes[1].name, head.size, "another note\n", line, "2026-11-21T08:30:00.000Z")
    world.node.store.write(Job(lambda transaction: transaction.neighbours.put_cosigned(row)))
    assert world.node.exchange.checkpoint() == head.checkpoint


# -- receipts --------------------------------------------------------------------------------------------


def test_a_receipt_is_under_the_newest_checkpoint_that_has_the_quorum(world: World, seconds: Seconds) -> None:
    yulin = world.partner(YULIN)
    jws = yulin.record()
    yulin.deliver(jws)
    size = cosigned(world)
    yulin.deliver(yulin.record())
    seconds.next()
    receipt = proven(yulin, jws)
    assert opened(world, receipt.checkpoint).size == size < world.node.store.head().size
    verdict = verify_record(jws, receipt.encode(), world.node.trust(), quorum=1)
    assert [each.witness.name for each in verdict.cosignatures] == [world.lab.nodes[1].name]


def test_a_record_that_no_quorum_covers_has_its_receipt_under_the_newest(
    world: World, seconds: Seconds
) -> None:
    yulin = world.partner(YULIN)
    size = cosigned(world)
    seconds.next()
    jws = yulin.record()
    yulin.deliver(jws)
    receipt = proven(yulin, jws)
    assert opened(world, receipt.checkpoint).size == world.node.store.head().size > size
    verify_record(jws, receipt.encode(), world.node.trust())
    with pytest.raises(Problem) as refused:
        verify_record(jws, receipt.encode(), world.node.trust(), quorum=1)
    assert refused.value.code is Code.UNSIGNED


def test_the_first_entry_beyond_a_cosigned_checkpoint_is_not_under_it(world: World, seconds: Seconds) -> None:
    """One entry more or less would make a proof that nobody can build."""
    yulin = world.partner(YULIN)
    under, beyond = yulin.record(), yulin.record()
    (last,) = yulin.deliver(under)
    size = cosigned(world)
    assert last["index"] == size - 1
    (first,) = yulin.deliver(beyond)
    assert first["index"] == size
    seconds.next()
    for jws, awaited in ((under, size), (beyond, world.node.store.head().size)):
        receipt = proven(yulin, jws)
        assert opened(world, receipt.checkpoint).size == awaited
        verify_record(jws, receipt.encode(), world.node.trust())


# -- pages -----------------------------------------------------------------------------------------------


def test_a_page_has_the_cosigned_checkpoint_where_it_covers_every_item(
    world: World, seconds: Seconds
) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    yulin.deliver(yulin.record(), yulin.record())
    size = cosigned(world)
    yulin.deliver(yulin.record())
    seconds.next()
    covered = ordos.pull("?limit=2")
    assert opened(world, covered["checkpoint"]).size == size
    assert len(opened(world, covered["checkpoint"]).cosignatures) == 1
    mixed = ordos.pull()
    assert len(mixed["items"]) == 3
    assert opened(world, mixed["checkpoint"]).size > mixed["items"][-1]["index"] >= size
    empty = ordos.pull(f"?after={mixed['next']}")
    assert empty["items"] == []
    assert opened(world, empty["checkpoint"]).size == world.node.store.head().size


def test_a_records_own_page_has_it_too(world: World, seconds: Seconds) -> None:
    yulin = world.partner(YULIN)
    jws = yulin.record()
    yulin.deliver(jws)
    size = cosigned(world)
    yulin.deliver(yulin.record())
    seconds.next()
    page = yulin.get(f"/v1/records/{members_of(jws)['id']}").json
    assert opened(world, page["checkpoint"]).size == size


def test_a_push_is_answered_with_the_checkpoint_that_covers_it(world: World, seconds: Seconds) -> None:
    yulin = world.partner(YULIN)
    cosigned(world)
    seconds.next()
    answer = yulin.post({"records": [yulin.record()]}).json
    assert opened(world, answer["checkpoint"]).size > answer["outcomes"][0]["index"]


def test_receipts_that_a_client_builds_of_a_page_carry_the_cosignatures(
    world: World, seconds: Seconds
) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(XINZHOU,)) for _ in range(3)))
    cosigned(world)
    yulin.deliver(yulin.record())
    seconds.next()
    key = read_signing(next(each["key"] for each in world.lab.systems if each["city"] == XINZHOU), None)
    with served(world):
        client = Client(world.node.trust(), world.described.name, key, tries=1)
        arrivals = list(client.pull(Passing()))
        client.close()
    assert len(arrivals) == 3
    for arrival in arrivals:
        verify_record(arrival.jws, arrival.receipt, world.node.trust(), quorum=1)


# -- what counts -----------------------------------------------------------------------------------------


def trust_of(world: World, quorum: int, **witnesses: SigningKey) -> Trust:
    """The trust list in force, with other witnesses, and another quorum."""
    trust = world.node.trust()
    own = trust.nodes[world.described.name]
    nodes = {own.name: own}
    for short, key in witnesses.items():
        name = f"{short}.example"
        verifier = VerifierKey(name, COSIGNATURE, key.public)
        nodes[name] = Node(name, "http://127.0.0.1:1", (), own.log, str(verifier))
    return replace(trust, nodes=nodes, quorum=quorum)


def best(world: World, trust: Trust) -> int | None:
    """The size of the checkpoint that has the quorum."""
    chooser = Cosignatures(world.described.name, world.node.store, lambda: trust)
    found = chooser.over(0)
    return None if found is None else found.size


A, B, C = (signing_key_from_raw(bytes([number]) * 32) for number in (1, 2, 3))


def test_as_many_witnesses_as_the_cities_agreed_on_make_the_quorum(world: World) -> None:
    trust = trust_of(world, 2, a=A, b=B)
    size = cosigned(world, A, "a.example")
    assert best(world, trust) is None
    assert cosigned(world, B, "b.example") == size
    assert best(world, trust) == size


def test_witnesses_of_different_checkpoints_make_none(world: World) -> None:
    trust = trust_of(world, 2, a=A, b=B)
    cosigned(world, A, "a.example")
    world.partner(YULIN).deliver(world.partner(YULIN).record())
    cosigned(world, B, "b.example")
    assert best(world, trust) is None


def test_a_newer_checkpoint_without_the_quorum_does_not_hide_an_older_one_with_it(world: World) -> None:
    trust = trust_of(world, 2, a=A, b=B)
    size = cosigned(world, A, "a.example")
    cosigned(world, B, "b.example")
    world.partner(YULIN).deliver(world.partner(YULIN).record())
    cosigned(world, A, "a.example")
    assert best(world, trust) == size


def test_a_nodes_own_witness_does_not_count(world: World) -> None:
    trust = trust_of(world, 1, a=A)
    cosigned(world, key_of(world, 0, "witness"), world.described.name)
    assert best(world, trust) is None


def test_a_witness_that_has_left_or_changed_its_key_does_not_count(world: World) -> None:
    cosigned(world, A, "a.example")
    assert best(world, trust_of(world, 1, a=A)) is not None
    assert best(world, trust_of(world, 1, b=B)) is None
    assert best(world, trust_of(world, 1, a=C)) is None


def test_another_trust_list_is_heeded_at_the_next_look(world: World) -> None:
    trust, seconds = [trust_of(world, 1, a=A)], Seconds()
    size = cosigned(world, A, "a.example")
    chooser = Cosignatures(world.described.name, world.node.store, lambda: trust[0], seconds)
    found = chooser.over(0)
    assert found is not None and found.size == size
    trust[0] = trust_of(world, 2, a=A, b=B)
    seconds.next()
    assert chooser.over(0) is None


def test_where_no_quorum_is_asked_for_the_newest_is_given(world: World, seconds: Seconds) -> None:
    assert best(world, trust_of(world, 0, a=A)) is None
    cosigned(world, A, "a.example")
    assert best(world, trust_of(world, 0, a=A)) is None


# -- what it costs ---------------------------------------------------------------------------------------


def test_it_is_looked_up_once_a_second_however_often_it_is_asked(
    world: World, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    ask = Store.ask

    def counted(store: Store, question: Any) -> Any:
        asked.append(question)
        return ask(store, question)

    monkeypatch.setattr(Store, "ask", counted)
    chooser = world.node.exchange.cosignatures
    for _ in range(100):
        chooser.over(0)
    assert len(asked) == 1
    cosigned(world)
    assert chooser.over(0) is None
    seconds.next()
    assert chooser.over(0) is not None
    assert len(asked) == 2


def test_what_was_known_holds_on_while_the_database_does_not_answer(
    world: World, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = cosigned(world)
    chooser = world.node.exchange.cosignatures
    assert chooser.over(0) is not None

    def silent(*_: object) -> None:
        raise Problem(Code.BUSY, "the database does not answer")

    monkeypatch.setattr(Store, "ask", silent)
    seconds.next()
    found = chooser.over(0)
    assert found is not None and found.size == size


def served(world: World) -> AbstractContextManager[int]:
    """The world's node behind its socket."""
    return listening(world.application, world.node.config.host, world.node.config.port)
