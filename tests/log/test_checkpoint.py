"""A checkpoint is three lines, is its log's own, and counts each witness once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, add_cosignatures, cosign, open_checkpoint, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey, sign_note, signature_line
from hub.log.tree import EMPTY_ROOT
from keys.suite import SigningKey, signing_key_from_raw

KEY = signing_key_from_raw(b"l" * 32)
LOG = VerifierKey("610800.exchange", ED25519, KEY.public)
CHECKPOINT = Checkpoint("610800.exchange", 300, bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, KEY)
TIME = 1_795_000_000


def witness(name: str, key: SigningKey) -> VerifierKey:
    return VerifierKey(name, COSIGNATURE, key.public)


def refused(note: str | bytes, *witnesses: VerifierKey, log: VerifierKey = LOG) -> Code:
    with pytest.raises(Problem) as refusal:
        open_checkpoint(note, log, witnesses)
    return refusal.value.code


def test_a_checkpoint_opens_with_its_logs_key() -> None:
    opened = open_checkpoint(NOTE, LOG)
    assert (opened.checkpoint, opened.note, opened.cosignatures) == (CHECKPOINT, NOTE, ())
    assert CHECKPOINT.body == "610800.exchange\n300\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_the_empty_log_has_the_root_of_the_empty_tree() -> None:
    empty = Checkpoint("610800.exchange", 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, KEY), LOG).size == 0
    with pytest.raises(Problem):
        Checkpoint("610800.exchange", 0, bytes(32))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        CHECKPOINT.body[:-1],
        CHECKPOINT.body + "an extension line\n",
        CHECKPOINT.body + "\n",
        CHECKPOINT.body.replace("300", "0300"),
        CHECKPOINT.body.replace("300", "+300"),
        CHECKPOINT.body.replace("300", "0"),
        CHECKPOINT.body.replace("300", str(2**63)),
        CHECKPOINT.body.replace("Hh8=", "Hh9="),
        CHECKPOINT.body.replace("Hh8=", "Hh8"),
        CHECKPOINT.body.replace("AAEC", ""),
        CHECKPOINT.body.replace("610800.exchange", ""),
        CHECKPOINT.body.replace("610800.exchange", "610800 exchange"),
        CHECKPOINT.body.replace("\n", "\r\n"),
    ],
)
def test_a_checkpoint_in_another_form_is_refused(body: str) -> None:
    with pytest.raises(Problem) as refusal:
        Checkpoint.parse(body)
    assert refusal.value.code is Code.MALFORMED


@settings(deadline=None)
@given(
    st.text()
    | st.tuples(st.integers(0, 60), st.text(max_size=2)).map(
        lambda m: CHECKPOINT.body[: m[0]] + m[1] + CHECKPOINT.body[m[0] + 1 :]
    )
)
def test_checkpoints_of_any_text_are_refused_or_written_back_the_same(body: str) -> None:
    try:
        found = Checkpoint.parse(body)
    except Problem:
        return
    assert found.body == body


def test_another_logs_checkpoint_is_refused_even_if_it_bears_our_signature() -> None:
    """Or a log could be shown another log's tree as its own."""
    other = Checkpoint("150600.exchange", 300, CHECKPOINT.root)
    signed = sign_note(other.body, [signature_line("610800.exchange", KEY, other.body)])
    assert refused(signed) is Code.UNKNOWN_KEY


def test_cosignatures_without_the_logs_signature_are_not_enough(witness_key: SigningKey) -> None:
    cosigned = sign_note(CHECKPOINT.body, [cosign(CHECKPOINT, "w", witness_key, TIME)])
    assert refused(cosigned, witness("w", witness_key)) is Code.UNKNOWN_KEY


def test_cosignatures_of_the_witnesses_asked_for_are_found(witness_key: SigningKey) -> None:
    stranger = signing_key_from_raw(b"s" * 32)
    lines = [cosign(CHECKPOINT, "w", witness_key, TIME), cosign(CHECKPOINT, "stranger", stranger, TIME)]
    opened = open_checkpoint(add_cosignatures(NOTE, lines), LOG, [witness("w", witness_key)])
    assert [(c.witness.name, c.time) for c in opened.cosignatures] == [("w", TIME)]


def test_one_witness_under_two_names_counts_once(witness_key: SigningKey) -> None:
    names = ("one", "two")
    note = add_cosignatures(NOTE, [cosign(CHECKPOINT, name, witness_key, TIME) for name in names])
    opened = open_checkpoint(note, LOG, [witness(name, witness_key) for name in names])
    assert len(opened.cosignatures) == 1


def test_a_log_is_not_its_own_witness() -> None:
    note = add_cosignatures(NOTE, [cosign(CHECKPOINT, "w", KEY, TIME)])
    assert open_checkpoint(note, LOG, [witness("w", KEY)]).cosignatures == ()


def test_a_cosignature_of_another_checkpoint_refuses_the_note(witness_key: SigningKey) -> None:
    grown = Checkpoint("610800.exchange", 301, CHECKPOINT.root)
    note = add_cosignatures(NOTE, [cosign(grown, "w", witness_key, TIME)])
    assert refused(note, witness("w", witness_key)) is Code.BAD_SIGNATURE
    assert open_checkpoint(note, LOG).cosignatures == ()


def test_a_witness_key_is_not_taken_for_a_log_key() -> None:
    assert refused(NOTE, log=VerifierKey("610800.exchange", COSIGNATURE, KEY.public)) is Code.NOT_ALLOWED


def test_no_more_cosignatures_are_added_than_a_note_holds(witness_key: SigningKey) -> None:
    line = cosign(CHECKPOINT, "w", witness_key, TIME)
    assert open_checkpoint(add_cosignatures(NOTE, [line] * 63), LOG).size == 300
    with pytest.raises(Problem) as refusal:
        add_cosignatures(NOTE, [line] * 64)
    assert refusal.value.code is Code.TOO_LARGE
