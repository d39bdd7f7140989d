"""Numbers given by authorities: refused as identity numbers only if the check digit says so, too."""

from collections.abc import Callable
from typing import Any

import pytest
from record_examples import body, payload

from hub.errors import Code, Problem
from schemas import record

GIVEN = ["610822202611020012", "6108222611020012", "610822261102001"]
"""A division, a day and a serial number; of the first, the last digit is no check digit."""
IDENTITY = ["610821199003071235", "110105-19491231-002X"]
MOBILE = "139-1234-5678"


def alert_referring_to(identifier: str) -> dict[str, Any]:
    reference = {"sender": "610800", "identifier": identifier, "sent": "2026-11-21T08:00:00+08:00"}
    return body("alert", message_type="update", references=[reference])


FIELDS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "/body/case_number": ("mediation_case", lambda number: body("mediation_case", case_number=number)),
    "/body/permit/number": (
        "event_security",
        lambda number: body("event_security", permit={"number": number}),
    ),
    "/body/identifier": ("alert", lambda number: body("alert", identifier=number)),
    "/body/references/0/identifier": ("alert", alert_referring_to),
}


@pytest.mark.parametrize("where", FIELDS)
@pytest.mark.parametrize("number", GIVEN)
def test_a_number_with_a_division_and_a_day_is_accepted(where: str, number: str) -> None:
    name, made = FIELDS[where]
    raw = payload(name, body=made(number))
    assert record.load(raw) == record.explain(raw)


@pytest.mark.parametrize("where", FIELDS)
@pytest.mark.parametrize("number", [*IDENTITY, MOBILE])
def test_an_identity_number_and_a_mobile_phone_are_refused(where: str, number: str) -> None:
    name, made = FIELDS[where]
    with pytest.raises(Problem) as caught:
        record.load(payload(name, body=made(number)))
    assert (caught.value.code, caught.value.where) == (Code.INVALID, where)
    assert not any(character.isdigit() for character in caught.value.detail)


@pytest.mark.parametrize("number", [GIVEN[0], GIVEN[2]])
def test_elsewhere_what_looks_like_an_identity_number_is_one(number: str) -> None:
    for name, member in (("mediation_case", "lead"), ("event_security", "name"), ("alert", "headline")):
        with pytest.raises(Problem) as caught:
            record.load(payload(name, body=body(name, **{member: number})))
        assert caught.value.where == f"/body/{member}"
