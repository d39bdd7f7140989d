"""Every kind of record has something to show in a table."""

from __future__ import annotations

from typing import Any

import pytest

from hub import translation
from hub.cli.titles import TITLE_MEMBERS, title
from schemas.kinds import KINDS


def test_every_kind_names_members_that_its_schema_has() -> None:
    assert set(TITLE_MEMBERS) == {name for name, _version in KINDS}
    for (name, _version), kind in KINDS.items():
        assert set(TITLE_MEMBERS[name]) <= set(kind.body._declared_fields)


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (
            "assistance_request",
            {"needs": [{"need": "police"}, {"need": "police"}, {"need": "fire"}]},
            ("警力", "消防"),
        ),
        ("assistance_request", {"channel": "350 兆"}, ("350 兆",)),
        ("joint_inspection", {"finding": "护栏缺失"}, ("护栏缺失",)),
        ("ecology_lead", {"matter": "water"}, ("水",)),
        ("risk_notice", {"statement": "长" * 100}, ("…",)),
        ("case_contribution", {"what": "join"}, ("同意参与",)),
        ("alert", None, ("撤回",)),
        ("alert", {}, ("",)),
    ],
)
def test_a_record_is_titled_in_words(kind: str, body: dict[str, Any] | None, words: tuple[str, ...]) -> None:
    translation.use("zh")
    try:
        said = title(kind, body)
    finally:
        translation.use("en")
    assert all(word in said for word in words)
    assert len(said) <= 60
