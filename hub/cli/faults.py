"""What was found wrong on this machine, in words of its own.

A `Problem` has the words of the wire contract: they speak to whoever sent a request to a node. Where a command finds
the fault itself (a key file, a profile, a record that does not verify) those words would send its reader astray. So:

1. A command says in which situation it is (`with facing(Situation.KEY):`). A Problem that comes out of there is told
   in that situation's words, which stand in `faults.toml`; its code, detail and place stay.
2. What a node refused keeps the words of the contract: they are meant for us.
3. The innermost situation counts: it knows best.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum, auto
from functools import cache
from pathlib import Path
from typing import Any

from hub.answers import Refusal
from hub.errors import Code, Meaning, Problem
from schemas.faults import Fault


class Situation(StrEnum):
    """Where a command finds itself. Each has a table of this name in `faults.toml`."""

    FILE = auto()
    WRITING = auto()
    KEY = auto()
    LOG_KEY = auto()
    PROFILE = auto()
    CONFIG = auto()
    STARTING = auto()
    TRUST = auto()
    CEREMONY = auto()
    REFRESH = auto()
    PROPOSAL = auto()
    EDIT = auto()
    REVIEW = auto()
    SIGNING = auto()
    PUBLISHING = auto()
    UNLISTED = auto()
    DRAFT = auto()
    EXPORT = auto()
    CITY_FILE = auto()
    SAMPLE = auto()
    OFFICE = auto()
    PEER = auto()
    PASSING = auto()
    PACKING = auto()
    BUNDLE = auto()
    GAP = auto()
    MOVE = auto()
    RECOVERY = auto()
    EPOCH = auto()
    EVIDENCE = auto()
    STATEMENT = auto()
    COPY = auto()
    GONE_BACK = auto()
    QUARANTINE = auto()
    ASKING = auto()
    PLACE = auto()
    RECORD = auto()
    LOG = auto()
    AUDITOR = auto()
    READING = auto()
    SEALED = auto()
    LABORATORY = auto()
    RUNNING = auto()
    TRIAL = auto()
    IS_ENTRY = auto()
    IS_DRAFT = auto()
    IS_PUSH = auto()
    IS_ANSWER = auto()
    IS_TRUST = auto()
    IS_KEY = auto()
    IS_CAP = auto()
    IS_TOML = auto()
    IS_JSON = auto()


class LocalProblem(Problem):
    """A Problem that was found here. `faults` holds all that is wrong, where more than one thing is."""

    def __init__(self, problem: Problem, situation: Situation, faults: Sequence[Fault] = ()) -> None:
        super().__init__(problem.code, problem.detail, where=problem.where, retry_after=problem.retry_after)
        self.situation = situation
        self.faults = tuple(faults)

    @property
    def meaning(self) -> Meaning:
        said = words(self.situation, self.code)
        return Meaning(super().meaning.status, said["en"], said["zh"], said["next_en"], said["next_zh"])


@contextmanager
def facing(situation: Situation) -> Iterator[None]:
    """What is refused inside is told in the words of this situation."""
    try:
        yield
    except Problem as problem:
        local = told(problem, situation)
        if local is problem:
            raise
        raise local from problem


def told(problem: Problem, situation: Situation) -> Problem:
    """`problem` in the words of a situation, unless a nearer one had its say or a node sent it."""
    if isinstance(problem, LocalProblem | Refusal):
        return problem
    return LocalProblem(problem, situation)


def words(situation: str, code: Code) -> Mapping[str, str]:
    """Title (`en`, `zh`) and next step (`next_en`, `next_zh`) of a code in a situation."""
    table = _tables()[situation]
    found: Mapping[str, str] | str | None = table.get(code)
    if found is None:
        return table if "like" not in table else {**words(table["like"], code), **table}
    if isinstance(found, str):
        name, _, same_code = found.partition(".")
        return words(name, Code(same_code) if same_code else code)
    return found


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
