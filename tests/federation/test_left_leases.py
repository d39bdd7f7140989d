"""A process that was killed lets go of nothing: what it held is free at once, where it is known to be gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from neighbours import Federation

from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.neighbourhood import is_gone, this_process
from hub.jobs import LEASE, Lease
from hub.store import Job


def a_gone_pid() -> int:
    """Of a process that ran a moment ago."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


HOLDERS: dict[str, tuple[Callable[[], str], bool]] = {
    "killed here": (lambda: this_process(a_gone_pid(), "a1"), True),
    "at work here": (lambda: this_process(os.getpid(), "b2"), False),
    "of another host": (lambda: f"another.{socket.gethostname()}/{a_gone_pid()}/c3", False),
    "named in another way": (lambda: "by hand", False),
    "without a number": (lambda: f"{socket.gethostname()}/x/d4", False),
}


@pytest.mark.parametrize(("holder", "gone"), HOLDERS.values(), ids=HOLDERS)
def test_only_a_process_of_this_host_that_runs_no_more_is_known_to_be_gone(
    holder: Callable[[], str], gone: bool
) -> None:
    assert is_gone(holder()) is gone


@pytest.mark.parametrize(("holder", "gone"), HOLDERS.values(), ids=HOLDERS)
def test_a_round_is_not_kept_waiting_by_a_process_that_was_killed_in_the_middle_of_one(
    nodes: Federation, holder: Callable[[], str], gone: bool
) -> None:
    first, second, _ = nodes
    held_by(second.store.write, f"peer {first.name}", holder(), nodes)
    if gone:
        second.round(first)
        assert second.state(first).done_at is not None
        return
    with pytest.raises(Problem) as caught:
        second.round(first)
    assert caught.value.code is Code.BUSY
    nodes.clock.advance(seconds=61)
    second.round(first)


def test_the_clock_goes_on_at_once_after_its_process_was_killed(nodes: Federation) -> None:
    node = nodes.members[0].world.node
    for holder, gone in HOLDERS.values():
        held_by(node.store.write, LEASE, holder(), nodes)
        lease = Lease(node, this_process(os.getpid(), "mine"))
        lease.renew()
        assert lease.held is gone
        lease.release()
        nodes.clock.advance(seconds=61)


def held_by(write: Callable[..., object], name: str, holder: str, nodes: Federation) -> None:
    """Leave a lease for a minute as somebody else's."""
    at = nodes.clock()
    until = rfc3339(at + timedelta(seconds=60))
    write(Job(lambda transaction: transaction.neighbours.lease(name, holder, rfc3339(at), until)))
