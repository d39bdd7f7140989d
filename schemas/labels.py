"""The words for every code and every member, in Chinese and English; they all stand in `labels.toml`.

A table of that file is a list: the name of a `CodeList`, or `member` for the members of records. A member
is looked up by its whole path first (`alert/areas/description`), then by its name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]


def _read() -> dict[str, Any]:
    with (Path(__file__).parent / "labels.toml").open("rb") as file:
        return tomllib.load(file)


LABELS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = _read()


def label(list_name: str, code: str, language: Language = "zh") -> str:
    """The word for a code; a code of an open list that has none stands for itself.

    Raises:
        KeyError: for a list that there is none of; that is a mistake of the program.
    """
    words = LABELS[list_name].get(code)
    return code if words is None else words[language]


def member_label(path: str, language: Language = "zh") -> str:
    """The word for a member, by its path from the kind (`mediation_case/sessions/form`) or its name alone."""
    members = LABELS["member"]
    words = members.get(path) or members.get(path.rpartition("/")[2])
    return path.rpartition("/")[2] if words is None else words[language]
