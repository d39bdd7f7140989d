"""Imports and exports that end at any step: the same is done again, and each record is there once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from carriers import Carrier
from neighbours import Federation
from partner import ORDOS, YULIN

from hub.errors import Problem
from hub.federation.bundles.incoming import Imported
from hub.federation.neighbourhood import LEASE_SECONDS
from hub.store import Job, Store

KILLED_IMPORT = """
import os, sys
from pathlib import Path
from hub.config import read_config
from hub.federation.bundles.incoming import Incoming, sort_out
from hub.federation.neighbourhood import Neighbourhood
from hub.node import Node
node = Node(read_config(Path(sys.argv[1])))
incoming = Incoming(node, Neighbourhood(node, "another process"))
(volumes,) = sort_out([Path(sys.argv[2])], node).bundles
incoming.take(volumes, told=lambda done, _size: done and os._exit(9))
"""
KILLED_EXPORT = """
import os, sys, uuid
from pathlib import Path
from hub.config import read_config
from hub.federation.bundles.outgoing import Outgoing
from hub.node import Node
node = Node(read_config(Path(sys.argv[1])))
told = lambda done, size: done == size and os._exit(9)
Outgoing(node, sys.argv[3]).export(Path(sys.argv[2]), str(uuid.uuid4()), page=10, told=told)
"""


def killed(program: str, *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 9, done.stderr


def test_an_import_that_is_killed_in_the_middle_is_ended_by_doing_it_again(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    pushed = [yulin.record() for _ in range(90)]
    yulin.deliver(*pushed)
    exported = carrier.export(first, second, page=20)
    killed(KILLED_IMPORT, nodes.folder / "nodes" / second.name / "hub.toml", exported.paths[0].parent)
    assert len(second.received()) == 20
    nodes.clock.advance(seconds=LEASE_SECONDS + 1)  # a lease that nobody gave back has run out
    assert carrier.bring(second, exported).report.new == 70
    assert second.records(ORDOS) == pushed
    assert [entry.to[ORDOS] for entry in second.received()] == list(range(1, 91))
    second.world.verify()


def test_an_export_that_is_killed_leaves_no_volume(nodes: Federation, tmp_path: Path) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(30)))
    killed(KILLED_EXPORT, nodes.folder / "nodes" / first.name / "hub.toml", tmp_path / "out", second.name)
    assert list((tmp_path / "out").glob("*.bundle")) == []
    first.world.verify()


def test_whichever_write_of_an_import_fails_doing_it_again_ends_it(
    nodes: Federation, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    writing = Store.write
    writes, fails_at = 0, -1

    def write(store: Store, job: Job[Any]) -> Any:
        nonlocal writes
        if store is second.store:
            writes += 1
            if writes == fails_at:
                raise KeyboardInterrupt
        return writing(store, job)

    monkeypatch.setattr(Store, "write", write)
    pushed: list[str] = []
    while True:
        records = [yulin.record() for _ in range(4)]
        yulin.deliver(*records)
        pushed += records
        exported = carrier.export(first, second, page=2, everything=True)
        fails_at, writes = fails_at + 1 if fails_at > 0 else 1, 0
        try:
            carrier.hand(second, *exported.paths)
        except KeyboardInterrupt:
            reached = True
        else:
            reached = False
        step, fails_at = fails_at, -1
        nodes.clock.advance(seconds=LEASE_SECONDS + 1)
        (outcome,) = carrier.hand(second, *exported.paths)
        assert isinstance(outcome, Imported), outcome
        assert second.records(ORDOS) == pushed
        fails_at = step
        if not reached:
            break
    assert step > 8
    assert second.store.ask(lambda neighbours: neighbours.told(first.name)) is not None
    second.world.verify()


def test_an_import_waits_for_nobody_for_ever(nodes: Federation, carrier: Carrier) -> None:
    """While another process is at work with the peer it is `busy`, and says so."""
    first, second, _ = nodes
    exported = carrier.export(first, second)
    second.neighbourhood("another process")._lease(f"peer {first.name}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.federation.bundles.incoming.PATIENCE_SECONDS", 0.0)
        refused = carrier.refusal(second, *exported.paths)
    assert isinstance(refused, Problem)
    assert refused.code == "busy"
