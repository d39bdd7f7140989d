"""Who carries bundles between nodes: makes them, hands them over, and can do both badly."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neighbours import Member

from hub.errors import Problem
from hub.federation.bundles.incoming import Imported, Incoming, sort_out
from hub.federation.bundles.outgoing import Exported, Outgoing
from hub.federation.bundles.spool import Spool
from hub.federation.bundles.volume import SignedVolume, open_volume
from hub.log.entry import Served

Forged = dict[str, bytes]
"""Parts by name, in their order."""


@dataclass
class Carrier:
    """Carries bundles through a folder."""

    folder: Path
    made: list[Exported] = field(default_factory=list)

    def export(self, sender: Member, recipient: Member, **options: Any) -> Exported:
        """Have a node write a bundle for another one."""
        place = self.folder / f"from-{sender.name}-{len(self.made)}"
        exported = Outgoing(sender.world.node, recipient.name).export(place, str(uuid.uuid4()), **options)
        self.made.append(exported)
        return exported

    def forge(
        self,
        liar: Member,
        true: Exported,
        change: Callable[[Forged], object] = lambda _parts: None,
        **said: Any,
    ) -> list[Path]:
        """A bundle as a node made it, with other parts, and other things `said` in its manifest, signed by `liar`."""
        parts = {
            part.name: volume.parts.read(part) for volume in opened(true.paths) for part in volume.said.parts
        }
        change(parts)
        with Spool(self.folder / f"forged-{uuid.uuid4()}") as spool:
            for name, content in parts.items():
                spool.add(name, content)
            return spool.finish(replace(true.manifest, **said), liar.world.node.key)

    @staticmethod
    def hand(recipient: Member, *paths: Path) -> list[Imported | Problem]:
        """Hand files and folders to a node; what became of each bundle, and of each file that is none."""
        incoming = Incoming(recipient.world.node, recipient.neighbourhood())
        found = sort_out(paths, recipient.world.node)
        outcomes: list[Imported | Problem] = [problem for _, problem in found.refused]
        for volumes in found.bundles:
            try:
                outcomes.append(incoming.take(volumes))
            except Problem as problem:
                outcomes.append(problem)
        return outcomes

    def bring(self, recipient: Member, *exported: Exported) -> Imported:
        """Hand over one bundle that must be taken."""
        (outcome,) = self.hand(recipient, *(path for each in exported for path in each.paths))
        assert isinstance(outcome, Imported), outcome
        return outcome

    def refusal(self, recipient: Member, *paths: Path) -> Problem:
        """What one bundle is refused for."""
        (outcome,) = self.hand(recipient, *paths)
        assert isinstance(outcome, Problem), outcome
        return outcome


def opened(paths: Iterable[Path]) -> list[SignedVolume]:
    return [open_volume(path) for path in paths]


def served(member: Member) -> list[Served]:
    return member.world.entries(Served)
