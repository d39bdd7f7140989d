"""Where each record must be once all is in sync, by the journals of those who sent it; and whether it is there.

1. What a node acknowledged is with every recipient exactly once, and in no log twice: as `accepted` in that of the node
   that acknowledged it, at the index that was answered, and as `received` in that of every other node with a recipient.
2. What was refused is nowhere, and so is what nobody sent.
3. A recipient that pulls finds no number of its stream left out, neither while there was trouble nor after.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

ACCEPTED, RECEIVED = "accepted", "received"


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that a node acknowledged."""

    digest: str
    sender: str
    to: tuple[str, ...]
    index: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement: by which city, of which record, with which outcome."""

    by: str
    of: str
    outcome: str


@dataclass(slots=True)
class Reckoning:
    """What the journals say."""

    sent: dict[str, Sent] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    """Answers that should have been others."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests that were tried again, by what they were and the code of their problem."""
    skipped: int = 0

    @classmethod
    def of(cls, journals: Iterable[Path]) -> Reckoning:
        reckoning = cls()
        for path in journals:
            made: dict[str, dict[str, Any]] = {}
            for line in path.read_bytes().splitlines():
                reckoning._read(orjson.loads(line), made)
        return reckoning

    def due(self, city: str) -> set[str]:
        """What a city must have been given."""
        return {each.digest for each in self.sent.values() if city in each.to}

    def logged(self, cities: Sequence[str]) -> dict[str, str]:
        """What the log of a node that hosts these cities must hold: digest to the type of its entry."""
        held = {}
        for each in self.sent.values():
            if each.sender in cities:
                held[each.digest] = ACCEPTED
            elif set(each.to) & set(cities):
                held[each.digest] = RECEIVED
        return held

    def _read(self, line: dict[str, Any], made: dict[str, dict[str, Any]]) -> None:
        match line["what"]:
            case "made":
                made[line["digest"]] = line
                self.unanswered.add(line["digest"])
            case "answered":
                self._answered(made[line["digest"]], line)
            case "pulled":
                self.skipped += line["skipped"]
            case "acked":
                self._keep(line["digest"], line, line["index"])
                self.answers.append(Answer(line["sender"], line["of"], line["outcome"]))
            case "failed":
                self.failures[f"{line['doing']} {line['code']}"] += 1
                if line["code"] != "busy":
                    self.wrongs.append(f"{line['doing']}: {line['code']} {line['detail']}")

    def _answered(self, made: dict[str, Any], line: dict[str, Any]) -> None:
        digest = line["digest"]
        self.unanswered.discard(digest)
        if (line["status"] != "refused") != made["good"]:
            self.wrongs.append(f"{digest} was {line['status']} ({line['code']})")
        if line["status"] == "refused":
            self.refused.add(digest)
        else:
            self._keep(digest, made, line["index"])

    def _keep(self, digest: str, made: Mapping[str, Any], index: int) -> None:
        before = self.sent.get(digest)
        if before is not None and before.index != index:
            self.wrongs.append(f"{digest} was acknowledged at {before.index}, and then at {index}")
        self.sent[digest] = Sent(digest, made["sender"], tuple(made["to"]), index)


@dataclass(slots=True)
class Finding:
    """What is not as it must be: records that are missing, that came twice, that were refused, that nobody sent."""

    lost: set[tuple[str, str]] = field(default_factory=set)
    doubled: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    strange: set[tuple[str, str]] = field(default_factory=set)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong but, at most, that something is lost."""
        return not (self.doubled or self.refused or self.strange)

    def hold(self, where: str, due: set[str], found: Sequence[str], refused: set[str]) -> None:
        """Hold what was found somewhere, by digest, against what must be there."""
        counts = Counter(found)
        self.lost |= {(where, digest) for digest in due - counts.keys()}
        self.doubled |= {(where, digest) for digest, count in counts.items() if count > 1}
        self.refused |= {(where, digest) for digest in counts.keys() & refused}
        self.strange |= {(where, digest) for digest in counts.keys() - due - refused}

    def hold_log(
        self, node: str, due: Mapping[str, str], lines: Mapping[int, bytes], refused: set[str]
    ) -> None:
        """The same for a log's entries, by index; an entry of another type than it must be is a stranger."""
        found = defaultdict[str, list[str]](list)
        for line in lines.values():
            entry = orjson.loads(line)
            if entry["type"] in (ACCEPTED, RECEIVED):
                found[entry["type"]].append(entry["digest"])
        for kind in (ACCEPTED, RECEIVED):
            wanted = {digest for digest, its in due.items() if its == kind}
            self.hold(f"{node} {kind}", wanted, found[kind], refused)
