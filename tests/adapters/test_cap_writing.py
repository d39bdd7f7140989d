"""What is written is valid CAP, restricted, and reads back as the body that it was."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from cap_alerts import (
    ALERT,
    SENDER,
    SENT,
    needs_data,
    only,
    standard,
)
from cap_bodies import acceptable, bodies, carried
from hypothesis import assume, given, settings

from adapters.cap import PROFILE, read_cap, to_cap
from hub.errors import Code, Problem


@settings(deadline=None)
@given(bodies())
def test_every_body_comes_back_from_cap_as_it_was(body: dict[str, Any]) -> None:
    assume(acceptable(body))
    draft = only(read_cap(to_cap(body, sender=SENDER, sent=SENT, recipients=["150600"])))
    assert carried(dict(draft.body)) == carried(body)
    assert draft.supplied == ()
    assert set(draft.not_carried) <= {"sender", "sent", "restriction", "addresses"}


@needs_data
@settings(deadline=None)
@given(bodies())
def test_all_that_is_written_validates_against_the_standard(body: dict[str, Any]) -> None:
    assume(acceptable(body))
    standard()(to_cap(body, sender=SENDER, sent=SENT, recipients=["150600", "610600"]))


def test_the_same_body_is_written_as_the_same_bytes() -> None:
    body = only(read_cap(ALERT.encode())).body
    assert to_cap(body, sender=SENDER, sent=SENT) == to_cap(body, sender=SENDER, sent=SENT)


def test_what_is_written_is_restricted_and_addressed() -> None:
    body = only(read_cap(ALERT.encode())).body
    out = to_cap(body, sender=SENDER, sent=SENT, recipients=["150600", "610600"]).decode()
    assert "<scope>Restricted</scope>" in out
    assert re.search("<restriction>.+</restriction>", out)
    assert "<addresses>150600 610600</addresses>" in out
    assert f"<code>{PROFILE}</code>" in out
    assert "<sent>2026-11-21T08:30:00-00:00</sent>" in out


@pytest.mark.parametrize(
    ("member", "value", "where"),
    [
        ("expires", None, "/expires"),
        ("colour", "purple", "/colour"),
        ("headline", "\uffff", "/headline"),
        ("scope", "public", "/scope"),
    ],
)
def test_a_body_that_is_not_of_the_profile_is_not_written(member: str, value: Any, where: str) -> None:
    body = {**only(read_cap(ALERT.encode())).body, member: value}
    with pytest.raises(Problem) as caught:
        to_cap(body, sender=SENDER, sent=SENT)
    assert (caught.value.code, caught.value.where) == (Code.INVALID, where)


@pytest.mark.parametrize(
    ("sender", "sent"),
    [("two words", SENT), ("a,b", SENT), ("", SENT), (SENDER, datetime(2026, 1, 1))],  # noqa: DTZ001
)
def test_a_sender_or_time_that_cap_cannot_hold_is_not_written(sender: str, sent: datetime) -> None:
    with pytest.raises(Problem):
        to_cap(only(read_cap(ALERT.encode())).body, sender=sender, sent=sent)
