"""Notes are read strictly, unknown signatures are passed over, and a broken known one refuses the note."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log.note import (
    COSIGNATURE,
    ED25519,
    VerifierKey,
    cosignature_line,
    decode_base64,
    open_note,
    parse_decimal,
    sign_note,
    signature_line,
    split_note,
)
from keys.suite import signing_key_from_raw

KEY = signing_key_from_raw(b"k" * 32)
OTHER = signing_key_from_raw(b"o" * 32)
VERIFIER = VerifierKey("610800.exchange", ED25519, KEY.public)
WITNESS = VerifierKey("150600.exchange", COSIGNATURE, OTHER.public)
BODY = "610800.exchange\n1\nsomething\n"
LINE = signature_line("610800.exchange", KEY, BODY)
NOTE = sign_note(BODY, [LINE])

SPECIFIED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFIED_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
    "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def refused(note: str | bytes, *keys: VerifierKey) -> Code:
    with pytest.raises(Problem) as refusal:
        open_note(note, keys or (VERIFIER,))
    return refusal.value.code


def test_the_example_of_the_specification_opens() -> None:
    key = VerifierKey.parse(SPECIFIED_KEY)
    assert str(key) == SPECIFIED_KEY
    assert open_note(SPECIFIED_NOTE, [key]).body == "This is an example message.\n"


def test_a_note_opens_with_the_key_that_signed_it() -> None:
    opened = open_note(NOTE.encode(), [VERIFIER])
    assert opened.body == BODY
    assert [s.key for s in opened.signatures] == [VERIFIER]
    assert opened.signed_by(VERIFIER) is not None
    assert opened.signed_by(WITNESS) is None


def test_a_verifier_key_survives_its_text() -> None:
    for key in (VERIFIER, WITNESS):
        assert VerifierKey.parse(str(key)) == key


def test_a_cosignature_names_its_time_and_covers_it() -> None:
    line = cosignature_line(WITNESS.name, OTHER, BODY, 1_795_000_000)
    assert [s.time for s in open_note(sign_note(BODY, [line]), [WITNESS]).signatures] == [1_795_000_000]
    raw = bytearray(base64.b64decode(line.split(" ")[2]))
    raw[4 + 7] ^= 1  # one second off
    moved = f"— {WITNESS.name} {base64.b64encode(raw).decode()}\n"
    assert refused(sign_note(BODY, [moved]), WITNESS) is Code.BAD_SIGNATURE


def test_the_same_key_under_another_type_is_another_key() -> None:
    """A cosignature must not pass for a log's signature, nor the other way round."""
    as_log = VerifierKey(WITNESS.name, ED25519, OTHER.public)
    cosigned = sign_note(BODY, [cosignature_line(WITNESS.name, OTHER, BODY, 1)])
    assert refused(cosigned, as_log) is Code.UNKNOWN_KEY


def test_unknown_signatures_are_passed_over() -> None:
    stranger = signature_line("stranger", OTHER, BODY)
    namesake = signature_line("610800.exchange", OTHER, BODY)
    other_name = signature_line("610800.exchange2", KEY, "another text\n")
    assert len(open_note(sign_note(BODY, [stranger, namesake, other_name, LINE]), [VERIFIER]).signatures) == 1
    assert refused(sign_note(BODY, [stranger])) is Code.UNKNOWN_KEY


def test_a_known_key_whose_signature_fails_refuses_the_note_even_beside_a_good_one() -> None:
    wrong = signature_line("610800.exchange", KEY, "another text\n")
    for lines in ([wrong], [LINE, wrong], [wrong, LINE]):
        assert refused(sign_note(BODY, lines)) is Code.BAD_SIGNATURE


def test_one_key_counts_once_however_often_it_signs() -> None:
    lines = [cosignature_line(WITNESS.name, OTHER, BODY, time) for time in (1, 2, 3)]
    assert len(open_note(sign_note(BODY, lines), [WITNESS]).signatures) == 1


def test_sixty_four_signature_lines_are_taken_and_sixty_five_are_not() -> None:
    strangers = [signature_line(f"stranger-{i}", OTHER, BODY) for i in range(64)]
    assert open_note(sign_note(BODY, [*strangers[:63], LINE]), [VERIFIER]).body == BODY
    assert refused(f"{BODY}\n{''.join(strangers)}{LINE}") is Code.TOO_LARGE


def test_the_last_empty_line_parts_text_and_signatures() -> None:
    body = "first\n\n\nlast\n"
    note = sign_note(body, [signature_line("610800.exchange", KEY, body)])
    assert open_note(note, [VERIFIER]).body == body


BROKEN = {
    "nothing at all": "",
    "no signature": BODY + "\n",
    "no empty line": BODY + LINE,
    "no text": "\n" + LINE,
    "no newline at the end": NOTE[:-1],
    "a line behind the signatures": NOTE + "more\n",
    "a carriage return": NOTE.replace("\n", "\r\n"),
    "a tab in the text": NOTE.replace("something", "some\tthing"),
    "a null in the text": NOTE.replace("something", "some\0thing"),
    "an ASCII dash": NOTE.replace("—", "-"),
    "two spaces": NOTE.replace("— ", "—  "),
    "a space at the end of a line": NOTE[:-1] + " \n",
    "a space in the base64": NOTE[:-10] + " " + NOTE[-10:],
    "no padding": NOTE.replace("=", ""),
    "an empty signature": BODY + "\n— 610800.exchange \n",
    "a signature of the id alone": BODY + "\n— 610800.exchange AAAAAA==\n",
    "a name with a plus": NOTE.replace("— 610800", "— 6108+00"),
    "a name with a wide space": NOTE.replace("— 610800", "— 6108\N{IDEOGRAPHIC SPACE}00"),
    "too long": "x" * 70_000 + "\n\n" + LINE,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_note_in_another_form_is_refused(name: str) -> None:
    assert refused(BROKEN[name]) in (Code.MALFORMED, Code.TOO_LARGE)


def test_notes_that_are_not_utf8_are_refused() -> None:
    assert refused(NOTE.encode("utf-16")) is Code.MALFORMED
    assert refused(b"\xff" + NOTE.encode()) is Code.MALFORMED
    assert refused("\ud800" + NOTE) is Code.MALFORMED


def test_base64_has_one_spelling() -> None:
    assert decode_base64("AAAA") == b"\0\0\0"
    assert decode_base64("AA==") == b"\0"
    for text in (
        "",
        "AB==",
        "AAB=",
        "AA",
        "AA=",
        "AAAA\n",
        " AAAA",
        "AA AA",
        "AA-_",
        "AAAA====",
        "ＡAAA",
        "A",
    ):
        with pytest.raises(Problem):
            decode_base64(text)


def test_decimals_have_one_spelling() -> None:
    assert [parse_decimal(text, 100) for text in ("0", "7", "99")] == [0, 7, 99]
    for text in ("", "00", "07", "+7", "-1", "7 ", "1_0", "٧", "²", "100", "9" * 5000):
        with pytest.raises(Problem):
            parse_decimal(text, 100)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AA==",
        SPECIFIED_KEY.replace("530d903a", "530D903A"),
        SPECIFIED_KEY.replace("530d903a", "530d903b"),
        SPECIFIED_KEY.replace("example.com/foo", "example.com/fooo"),
        SPECIFIED_KEY.replace("example.com/foo", ""),
        SPECIFIED_KEY.replace("+Aek", "+Bek"),
        SPECIFIED_KEY + "\n",
        SPECIFIED_KEY[:-4],
        "\ud800" + SPECIFIED_KEY,
        "\0" + SPECIFIED_KEY,
    ],
)
def test_a_broken_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        VerifierKey.parse(text)
    assert refusal.value.code is Code.MALFORMED


MUTATIONS = st.tuples(st.integers(0, len(NOTE) - 1), st.text(max_size=3), st.integers(0, 3))


@settings(deadline=None)
@given(st.text() | st.binary() | MUTATIONS.map(lambda m: NOTE[: m[0]] + m[1] + NOTE[m[0] + m[2] :]))
def test_notes_of_any_bytes_raise_nothing_but_problems(note: str | bytes) -> None:
    try:
        opened = open_note(note, [VERIFIER, WITNESS])
    except Problem:
        return
    assert opened.body == BODY  # whatever was changed, only the signed text ever opens


@settings(deadline=None)
@given(
    st.text()
    | st.tuples(st.integers(0, 70), st.text(max_size=2)).map(
        lambda m: SPECIFIED_KEY[: m[0]] + m[1] + SPECIFIED_KEY[m[0] + 1 :]
    )
)
def test_verifier_keys_of_any_text_are_refused_or_written_back_the_same(text: str) -> None:
    try:
        key = VerifierKey.parse(text)
    except Problem:
        return
    assert str(key) == text


def test_what_is_signed_is_checked_to_be_a_note() -> None:
    with pytest.raises(Problem):
        sign_note("a control\x07character\n", [LINE])
    with pytest.raises(Problem):
        split_note("no signature\n\n")
    with pytest.raises(Problem):
        cosignature_line("witness", OTHER, BODY, 2**63)
