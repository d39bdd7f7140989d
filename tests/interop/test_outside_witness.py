"""An outside implementation of C2SP tlog-witness cosigns our log, and its feeder has ours cosign a log of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
from partner import ORDOS, YULIN, World, members_of
from werkzeug.serving import WSGIRequestHandler, make_server

from hub.answers import Session
from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, add_cosignatures, open_checkpoint
from hub.log.note import ED25519, VerifierKey
from hub.log.verifier import verify_record
from hub.store import Job
from hub.store.neighbours import Cosigned
from hub.witnessing import submit
from keys.suite import signing_key_from_raw

from .conftest import GoJudge
from .outsiders import REASON, Outsider, feed, interpreter

NAME = "outside.exchange"
SEED = bytes(range(32))
"""Of the log that stands beside the outside witness in the trust list."""
THEIR_LOG = VerifierKey(NAME, ED25519, signing_key_from_raw(SEED).public)


class _Quiet(WSGIRequestHandler):
    def log(self, _kind: str, _message: str, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def outsider(tmp_path: Path) -> Outsider:
    """Made, not started, and without any log."""
    if interpreter() is None:
        pytest.skip(REASON)
    home = tmp_path / "outside"
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Outsider(home, free.getsockname()[1])
    made.make(NAME)
    return made


@pytest.fixture
def trusting(open_a_world: Callable[..., World], outsider: Outsider) -> World:
    """A node whose trust list names the outside witness, and a log beside it."""

    def add(trust_list: dict[str, Any], _agreements: Mapping[str, Any]) -> None:
        keys = {"keys": [], "log": str(THEIR_LOG), "witness": outsider.key}
        trust_list["nodes"].append({"name": NAME, "url": outsider.url, **keys})

    return open_a_world(change=add)


@contextmanager
def at_work(outsider: Outsider) -> Iterator[None]:
    process = outsider.start()
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(timeout=15) == 0


@pytest.fixture
def witness(trusting: World, outsider: Outsider) -> Iterator[VerifierKey]:
    """The outside witness at work, which knows our log: its key."""
    node = trusting.node
    outsider.run("add-log", "--origin", node.config.name, "--vkey", str(node.log_verifier))
    with at_work(outsider):
        yield VerifierKey.parse(outsider.key)


def grow(world: World, count: int) -> list[str]:
    yulin = world.partner(YULIN)
    records = [yulin.record(to=(ORDOS,)) for _ in range(count)]
    yulin.deliver(*records)
    return records


def submitted(world: World) -> Cosigned:
    """Our newest checkpoint, submitted as the clock submits it."""
    node, trust = world.node, world.node.trust()
    with Session() as session:
        given = submit(session, trust.nodes[NAME], node.store, node.exchange, trust, world.clock())
    assert given is not None
    assert given.size == node.store.head().size
    return given


def test_it_cosigns_our_checkpoint_and_what_it_signed_verifies(trusting: World, witness: VerifierKey) -> None:
    grow(trusting, 5)
    given = submitted(trusting)
    assert given.line.startswith(f"— {NAME} ")
    served = trusting.send("GET", "/log/checkpoint", None, {}).content
    opened = open_checkpoint(served, trusting.node.log_verifier, [witness])
    (found,) = opened.cosignatures
    assert found.witness == witness
    assert abs(found.time - trusting.clock().timestamp()) < 60
    assert opened.size == trusting.node.store.head().size


def test_a_receipt_carries_its_cosignature(trusting: World, witness: VerifierKey) -> None:
    (record,) = grow(trusting, 1)
    submitted(trusting)
    receipt = trusting.partner(YULIN).get(f"/v1/records/{members_of(record)['id']}/proof").content
    verdict = verify_record(record, receipt, trusting.node.trust())
    assert [each.witness for each in verdict.checkpoint.cosignatures] == [witness]


def test_go_verifies_what_it_signed(trusting: World, witness: VerifierKey, go_judge: GoJudge) -> None:
    """No line of ours takes part: their signature, under our log, checked by Go."""
    grow(trusting, 5)
    given = submitted(trusting)
    note = trusting.send("GET", "/log/checkpoint", None, {}).content.decode()
    judged = go_judge(note, trusting.node.log_verifier, trusting.node.store.lines(0, given.size), witness)
    assert (judged.returncode, judged.stderr) == (0, "")
    assert f"cosigned {NAME} " in judged.stdout


@pytest.mark.usefixtures("witness")
def test_it_follows_our_log_by_our_consistency_proofs(trusting: World) -> None:
    sizes = []
    for count in (1, 2, 300, 1, 700):
        grow(trusting, count)
        sizes.append(submitted(trusting).size)
    assert sizes == sorted(set(sizes))


@pytest.mark.usefixtures("witness")
def test_it_says_what_it_holds_where_we_forgot_and_we_go_on_from_there(trusting: World) -> None:
    grow(trusting, 3)
    submitted(trusting)
    trusting.node.store.write(Job(lambda transaction: transaction.neighbours.drop_cosigned(2**60)))
    grow(trusting, 300)
    submitted(trusting)


def test_its_monitoring_endpoint_shows_a_note_that_we_open(
    trusting: World, outsider: Outsider, witness: VerifierKey
) -> None:
    grow(trusting, 3)
    submitted(trusting)
    named = sha256(trusting.node.config.name.encode()).hexdigest()
    answer = requests.get(f"{outsider.url}/witness/{named}/checkpoint", timeout=10)
    assert answer.status_code == 200
    opened = open_checkpoint(answer.content, trusting.node.log_verifier, [witness])
    assert opened.checkpoint == head(trusting).checkpoint
    assert len(opened.cosignatures) == 1


def head(world: World) -> VerifiedCheckpoint:
    return open_checkpoint(world.node.store.head().checkpoint, world.node.log_verifier)


@pytest.mark.usefixtures("witness")
def test_it_keeps_evidence_of_another_history_that_our_key_signed(
    trusting: World, outsider: Outsider
) -> None:
    grow(trusting, 3)
    submitted(trusting)
    forked = trusting.node._sign_checkpoint(replace(head(trusting).checkpoint, root=bytes(32)))
    asked = f"old {head(trusting).size}\n\n{forked}".encode()
    answer = requests.post(f"{outsider.url}/witness/add-checkpoint", data=asked, timeout=10)
    assert answer.status_code == 422
    assert "EVIDENCE 1 log-signed request" in outsider.run("status")


def test_a_log_that_it_does_not_know_is_refused_by_name(trusting: World, outsider: Outsider) -> None:
    with at_work(outsider), pytest.raises(Problem) as refused:
        submitted(trusting)
    assert refused.value.code is Code.NOT_FOUND


# -- the other way round ---------------------------------------------------------------------------------------


@pytest.fixture
def address(trusting: World) -> Iterator[str]:
    """Where our witness is served."""
    server = make_server("127.0.0.1", 0, trusting.application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/witness"
    server.shutdown()
    thread.join()
    server.server_close()


def test_its_feeder_has_our_witness_cosign_a_log_of_theirs(trusting: World, address: str) -> None:
    ours = VerifierKey.parse(trusting.described.witness)
    same = [[1, "a"], [5, "a"], [300, "a"], [300, "a"]]
    told = feed(
        seed=SEED.hex(),
        origin=NAME,
        witness=str(ours),
        submissions=[[address, same], [address, [[700, "a"]]], [address, [[700, "b"], [20, "a"]]]],
    )
    for note, lines in told[:5]:
        opened = open_checkpoint(add_cosignatures(note, [lines]), THEIR_LOG, [ours])
        assert [each.witness for each in opened.cosignatures] == [ours]
    assert told[5][1] == "WitnessRejected", "another tree of the same size"
    assert told[6][1] in ("WitnessAhead", "WitnessRejected"), "a smaller one"
    assert len(told) == 7
