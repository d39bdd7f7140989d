"""A file of evidence convinces whoever has the trust list, or says that it proves nothing; it deceives nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neighbours import Federation
from partner import WUZHONG, YULIN

from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.federation import evidence
from hub.federation.histories import Sight, TwoHistoriesError, compare
from hub.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from keys.suite import generate_signing
from keys.trust_list import Trust


@pytest.fixture
def fork(nodes: Federation) -> tuple[dict[str, Any], Trust]:
    """The file of a fork that grew, and the trust list."""
    first = nodes.members[0]
    twin = nodes.twin(first)
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(WUZHONG,)) for _ in range(300)))
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(WUZHONG,)))
    key = first.world.node.log_verifier
    ours = open_checkpoint(twin.node.exchange.checkpoint(), key)
    theirs = open_checkpoint(first.world.node.exchange.checkpoint(), key)
    with pytest.raises(TwoHistoriesError) as seen:
        compare(ours, theirs, first.world.node.exchange.tile)
    document = evidence.written(first.name, seen.value.sight, utc_now())
    return json.loads(document), first.world.node.trust()


def verified(members: dict[str, Any], trust: Trust) -> evidence.Finding:
    return evidence.verify(json.dumps(members), trust)


def test_a_fork_is_proven_whichever_of_the_two_was_seen_first(fork: tuple[dict[str, Any], Trust]) -> None:
    members, trust = fork
    assert verified(members, trust).proven
    assert verified({**members, "ours": members["theirs"], "theirs": members["ours"]}, trust).proven


def test_two_beginnings_of_one_log_prove_nothing(nodes: Federation) -> None:
    first = nodes.members[0]
    key = first.world.node.log_verifier
    small = open_checkpoint(first.world.node.exchange.checkpoint(), key)
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(WUZHONG,)) for _ in range(300)))
    large = open_checkpoint(first.world.node.exchange.checkpoint(), key)
    for ours, theirs in ((small, large), (large, small), (small, small)):
        compare(ours, theirs, first.world.node.exchange.tile)
        sight = Sight("fork", ours.note, theirs.note)
        found = evidence.verify(evidence.written(first.name, sight, utc_now()), first.world.node.trust())
        assert not found.proven


def test_a_proof_that_does_not_hold_is_refused(fork: tuple[dict[str, Any], Trust]) -> None:
    members, trust = fork
    for changed in (
        {"root": "00" * 32},
        {"root": "00"},
        {"proof": []},
        {"proof": members["proof"][:-1]},
        {"proof": [*members["proof"], "00" * 32]},
        {"proof": ["00" * 31]},
    ):
        with pytest.raises(Problem) as refused:
            verified({**members, **changed}, trust)
        assert refused.value.code in (Code.BAD_SIGNATURE, Code.MALFORMED)


def test_a_fork_without_its_proof_proves_nothing(fork: tuple[dict[str, Any], Trust]) -> None:
    members, trust = fork
    assert not verified({**members, "root": None, "proof": []}, trust).proven


def test_notes_of_another_key_or_log_are_refused(fork: tuple[dict[str, Any], Trust]) -> None:
    members, trust = fork
    note = sign_checkpoint(Checkpoint(members["origin"], 9, b"\0" * 32), generate_signing())
    with pytest.raises(Problem) as refused:
        verified({**members, "theirs": note}, trust)
    assert refused.value.code is Code.UNKNOWN_KEY
    for origin in ("nobody.exchange", "150600.exchange"):
        with pytest.raises(Problem) as refused:
            verified({**members, "origin": origin}, trust)
        assert refused.value.code is Code.UNKNOWN_KEY


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_file_holds_only_a_named_refusal_comes_of_it(
    fork: tuple[dict[str, Any], Trust], data: st.DataObject
) -> None:
    members, trust = fork
    names = st.sampled_from(list(members))
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(members["ours"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    changed = {**members, **data.draw(st.dictionaries(names, values, min_size=1, max_size=3))}
    for dropped in data.draw(st.lists(names, max_size=1)):
        changed.pop(dropped, None)
    documents = [json.dumps(changed), json.dumps(list(changed.values())), data.draw(st.text(max_size=40))]
    for document in documents:
        try:
            found = evidence.verify(document, trust)
        except Problem:
            continue
        assert not found.proven or {changed["ours"], changed["theirs"]} == {
            members["ours"],
            members["theirs"],
        }
