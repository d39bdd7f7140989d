"""Five officers of five cities who sign three of five, an operator, and the region that they sign for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from trust_region import NOW, Region, signing_key

from hub.errors import Code, Problem
from keys import trust_edits as edits
from keys.draft_signature import merge, sign
from keys.publication import publish
from keys.suite import SigningKey
from keys.trust_documents import Documents, InForce, read_in_force
from keys.trust_draft import Draft, Proposal, propose, read_draft

CITIES = ("610800", "150600", "141100", "140900", "610600")
Edit = Callable[[Documents], None]


def nothing(_documents: Documents) -> None:
    """An edit that leaves all as it is."""


@dataclass
class Ceremony:
    """A repository in `folder/trust`, and drafts beside it."""

    folder: Path
    now: datetime = NOW
    region: Region = field(default_factory=Region)
    officers: dict[str, SigningKey] = field(
        default_factory=lambda: {city: signing_key(f"officer {city}") for city in CITIES}
    )

    @property
    def repository(self) -> Path:
        return self.folder / "trust"

    def base(self) -> InForce | None:
        return read_in_force(self.repository)

    def propose(self, name: str, edit: Edit = nothing, **more: Any) -> Proposal:
        return propose(self.base(), self.folder / name, edit, **({"now": self.now} | more))

    def draft(self, name: str) -> Draft:
        return read_draft(self.folder / name)

    def sign(self, name: str, *cities: str) -> None:
        for city in cities:
            draft, base = self.draft(name), self.base()
            merge(draft, base, sign(draft, base, self.officers[city], self.now), self.now)
            draft.save()

    def publish(self, name: str, **more: Any) -> None:
        keys = {"snapshot_key": self.region.snapshot_key, "timestamp_key": self.region.timestamp_key}
        publish(self.repository, self.folder / name, **(keys | {"now": self.now} | more))

    def carry_out(self, name: str, edit: Edit, *cities: str, **more: Any) -> None:
        """Proposed, signed and published in one."""
        self.propose(name, edit, **more)
        self.sign(name, *cities)
        self.publish(name)

    def begin(self) -> None:
        """The first repository, three of five."""

        def first(documents: Documents) -> None:
            documents.trust_list = self.region.trust_list
            documents.agreements = self.region.agreements
            for city, key in self.officers.items():
                edits.add_signer(documents, city, {"jwk": key.public.jwk}, ("root", "targets"))
            for role, key in (
                ("snapshot", self.region.snapshot_key),
                ("timestamp", self.region.timestamp_key),
            ):
                edits.add_signer(documents, None, {"jwk": key.public.jwk}, (role,))
            for role in ("root", "targets"):
                edits.set_threshold(documents, role, 3)

        self.carry_out("first", first, *CITIES[:3])


def without_ordos(documents: Documents) -> None:
    edits.remove_city(documents, "150600")


def greener(documents: Documents) -> None:
    documents.agreements["agreements"][0]["highest_marking"] = "green"


def refusal(act: Callable[[], object], code: Code) -> str:
    with pytest.raises(Problem) as refused:
        act()
    assert refused.value.code is code, refused.value
    return refused.value.detail


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewritten(path: Path, change: Callable[[Any], None]) -> None:
    members = json.loads(path.read_bytes())
    change(members)
    path.write_text(json.dumps(members), encoding="utf-8")
