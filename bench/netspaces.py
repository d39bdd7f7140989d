"""Nodes in network namespaces of their own, in a network that nobody else sees.

1. The bench itself goes into a namespace of its own first (`own_network`), with nothing in it but a loopback, and into
   mounts of its own, in which `ip netns` keeps its names. So no address, name or route can meet one of the machine's,
   and all of it is gone once the last process is, however that ended.
2. There each node has a namespace, which `ip netns` names, with a cable to a bridge. The bench's own systems stand at
   the bridge: they reach every node, always.
3. A link is cut by a route on both sides that says unreachable, at once; it is stalled by a neighbour's address that
   nobody has: packets go out and are lost, connections stay as they are.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

from hub.lab.building import Place
from hub.serving import SUPERVISOR_VARIABLE, end_with_supervisor

NAMES: Final = Path("/var/run/netns")
NETWORK: Final = "198.18.0"
"""Of RFC 2544, for benches."""
FIRST: Final = 11
PORT: Final = 8000
NOBODY: Final = "02:00:00:00:00:01"
_NEW_MOUNTS: Final = 0x00020000
_NEW_NETWORK: Final = 0x40000000

T = TypeVar("T")


def possible() -> bool:
    """Whether this machine lets us have namespaces: tried, in a process of its own."""
    if os.geteuid() != 0:
        return False
    try:
        return own_network(_try)
    except Exception:
        # Not a root with all rights (a container's), no `ip`, another kernel: all of them mean no.
        return False


def own_network(work: Callable[..., T], *arguments: object) -> T:
    """What `work` returns in a process whose network is its own; it ends with this one."""
    with supervising(), ProcessPoolExecutor(1, get_context("spawn"), _enter) as alone:
        return alone.submit(work, *arguments).result()


@contextmanager
def supervising() -> Iterator[None]:
    """Processes that are begun in here and watch who began them end with this process, however it ends."""
    before = os.environ.get(SUPERVISOR_VARIABLE)
    os.environ[SUPERVISOR_VARIABLE] = str(os.getpid())
    try:
        yield
    finally:
        if before is None:
            del os.environ[SUPERVISOR_VARIABLE]
        else:
            os.environ[SUPERVISOR_VARIABLE] = before


def _enter() -> None:
    end_with_supervisor()
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_MOUNTS | _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace may be made")
    _run("mount", "--make-rprivate", "/")
    hidden = NAMES.resolve() if NAMES.is_dir() else NAMES.parent.resolve()
    _run("mount", "-t", "tmpfs", "tmpfs", str(hidden))
    _run("ip", "link", "set", "lo", "up")


def _try() -> bool:
    with Netspaces(["tried"]) as spaces:
        _run(*spaces.before("tried"), "true")
        spaces.cut("tried", "tried")
        spaces.cut("tried", "tried", stall=True)
        spaces.heal("tried", "tried")
    return True


class Netspaces:
    """A namespace for each of `nodes`. A context manager: leaving it removes them."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._nodes = list(nodes)
        self._tag = os.getpid()

    def place(self, number: int) -> Place:
        """Where a node is to be found."""
        address = f"{NETWORK}.{FIRST + number}:{PORT}"
        return Place(f"http://{address}", address)

    def before(self, node: str) -> list[str]:
        """What stands before a command that is to run where a node does."""
        return ["ip", "netns", "exec", self._space(node)]

    def __enter__(self) -> Netspaces:
        try:
            _run("ip", "link", "add", "between", "type", "bridge")
            _run("ip", "address", "add", f"{NETWORK}.1/24", "dev", "between")
            _run("ip", "link", "set", "between", "up")
            for number, node in enumerate(self._nodes):
                self._join(number, self._space(node))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for node in self._nodes:
            with suppress(RuntimeError):
                _run("ip", "netns", "delete", self._space(node))
        with suppress(RuntimeError):
            _run("ip", "link", "delete", "between")

    def cut(self, one: str, other: str, *, stall: bool = False) -> None:
        """Let nothing pass between two nodes."""
        for here, there in ((one, other), (other, one)):
            inside, address = ("ip", "-n", self._space(here)), self._address(there)
            if stall:
                _run(*inside, "neigh", "replace", address, "lladdr", NOBODY, "nud", "permanent", "dev", "out")
            else:
                _run(*inside, "route", "replace", "unreachable", address)

    def heal(self, one: str, other: str) -> None:
        """Let everything pass between two nodes again."""
        for here, there in ((one, other), (other, one)):
            inside, address = ("ip", "-n", self._space(here)), self._address(there)
            for mended in (
                ("route", "delete", "unreachable", address),
                ("neigh", "delete", address, "dev", "out"),
            ):
                with suppress(RuntimeError):  # whichever of the two it was
                    _run(*inside, *mended)

    def _join(self, number: int, space: str) -> None:
        _run("ip", "netns", "add", space)
        _run("ip", "link", "add", f"to{number}", "type", "veth", "peer", "name", "out", "netns", space)
        _run("ip", "link", "set", f"to{number}", "master", "between", "up")
        _run("ip", "-n", space, "address", "add", f"{NETWORK}.{FIRST + number}/24", "dev", "out")
        for link in ("lo", "out"):
            _run("ip", "-n", space, "link", "set", link, "up")

    def _space(self, node: str) -> str:
        return f"bench-{self._tag}-{self._nodes.index(node)}"

    def _address(self, node: str) -> str:
        return f"{NETWORK}.{FIRST + self._nodes.index(node)}"


def _run(*command: str) -> None:
    """Raises: RuntimeError, with what the command said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
