"""Relays before a lab's nodes, which cut, stall and heal the links between them without a right over the network.

1. A node's address in the trust list is its relay's; the node itself listens behind it.
2. Who calls shows by the address that the call comes from: each node asks its peers from a loopback address of its own
   (`[sync] source`). Whoever comes from another address is an outside client, and always passes.
3. A link is open, cut (what comes is reset, what was there is, too) or stalled (connections are taken and held, and
   nothing more is said). Once it is healed, what was held goes on.
4. Each relay holds a bounded number of connections, and of each a bounded number of bytes.

All relays share one thread, which ends with them.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum, auto
from itertools import combinations
from types import TracebackType
from typing import Any, Final, TypeVar

from hub.errors import Code, Problem

LINES: Final = 512
"""Connections of a relay; whoever comes above that is reset."""
PART_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing resets the connection."""

T = TypeVar("T")
Pair = frozenset[str]


class LinkState(StrEnum):
    """How it is with a link between two nodes."""

    OPEN = auto()
    CUT = auto()
    STALLED = auto()


@dataclass(frozen=True, slots=True)
class Door:
    """A node's relay: where it listens, where the node does, and from which address the node calls others."""

    node: str
    address: tuple[str, int]
    behind: tuple[str, int]
    source: str


@dataclass(slots=True)
class _Link:
    state: LinkState = LinkState.OPEN
    open: asyncio.Event = field(default_factory=asyncio.Event)
    lines: set[asyncio.Task[None]] = field(default_factory=set)


class Relays:
    """The relays of a lab's nodes. A context manager: leaving it ends them."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = list(doors)
        self._names = {door.source: door.node for door in doors}
        self._links: dict[Pair, _Link] = {}
        self._held: dict[str, int] = {door.node: 0 for door in doors}
        self._lines: set[asyncio.Task[None]] = set()
        """The loop itself holds no task: one whose connection is gone would end in the middle."""
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)

    def __enter__(self) -> Relays:
        self._thread.start()
        try:
            check_sources(list(self._names))
            self._do(self._listen())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set(self, pair: Pair, state: LinkState) -> None:
        """Cut, stall or heal the link between two nodes; on return it is so. Raises: Problem `not-found`."""
        if pair not in self._links:
            raise Problem(Code.NOT_FOUND, f"there is no link between {' and '.join(sorted(pair))}")
        self._do(self._set(self._links[pair], state))

    def states(self) -> Mapping[Pair, LinkState]:
        """How it is with each link."""
        return {pair: link.state for pair, link in self._links.items()}

    # -- in the relays' own thread -------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        for one, other in combinations(self._doors, 2):
            link = self._links[frozenset({one.node, other.node})] = _Link()
            link.open.set()
        for door in self._doors:
            try:
                server = await asyncio.start_server(self._taker(door), *door.address, limit=PART_BYTES)
            except OSError as error:
                raise Problem(
                    Code.BUSY, f"the relay of {door.node} cannot listen: {error.strerror}"
                ) from error
            self._servers.append(server)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        lines = asyncio.all_tasks() - {asyncio.current_task()}
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _set(self, link: _Link, state: LinkState) -> None:
        link.state = state
        if state is LinkState.OPEN:
            link.open.set()
        else:
            link.open.clear()
        if state is LinkState.CUT:
            lines = list(link.lines)
            for line in lines:
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)

    def _taker(self, door: Door) -> Any:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._lines.add(task)
            task.add_done_callback(self._lines.discard)
            caller = self._names.get(writer.get_extra_info("peername")[0])
            link = None if caller is None else self._links.get(frozenset({caller, door.node}))
            if self._held[door.node] >= LINES or (link is not None and link.state is LinkState.CUT):
                _reset(writer)
                return
            self._held[door.node] += 1
            if link is not None:
                link.lines.add(task)
            try:
                await _carry(door, link, reader, writer)
            except asyncio.CancelledError:
                # Of a link that was cut, or of relays that end: the stream's own callback is told of neither.
                _reset(writer)
            finally:
                self._held[door.node] -= 1
                if link is not None:
                    link.lines.discard(task)

        return take


async def _carry(
    door: Door, link: _Link | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry a connection on to the node, both ways, as the link lets it, until both sides have ended."""
    behind: asyncio.StreamWriter | None = None
    try:
        if link is not None:
            await link.open.wait()
        answers, behind = await asyncio.open_connection(*door.behind, limit=PART_BYTES)
        ways = [
            asyncio.ensure_future(_pass_on(link, reader, behind)),
            asyncio.ensure_future(_pass_on(link, answers, writer)),
        ]
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    except (OSError, EOFError):
        # The node is down, or a side broke off: the other is to see that, too.
        _reset(writer)
    finally:
        for each in (behind, writer):
            if each is not None:
                each.transport.abort()


async def _pass_on(link: _Link | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(PART_BYTES):
        if link is not None:
            await link.open.wait()
        writer.write(part)
        await writer.drain()
    if link is not None:
        await link.open.wait()
    writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def check_sources(sources: Sequence[str]) -> None:
    """Make sure that this machine has each of the addresses. Raises: Problem `not-allowed` where it has not."""
    for source in sources:
        try:
            with socket.socket() as probe:
                probe.bind((source, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            raise Problem(
                Code.NOT_ALLOWED,
                f"this system has no loopback address {source}: Linux has all of 127.0.0.0/8, others are given each by"
                f" hand (macOS: `sudo ifconfig lo0 alias {source}`)",
            ) from error
