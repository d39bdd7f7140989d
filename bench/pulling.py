"""Pulling pages of 1,000 with several cursors at once, one a recipient: what `pull` and `memory` drive alike."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from typing import Final

from bench.load import Answer, Run, drive
from bench.records import Request, pull_request
from bench.sandbox import Sandbox

PAGE: Final = 1_000
_END: Final = re.compile(rb'"next":(-?[0-9]+),"more":(true|false),"checkpoint":')


def pull_all(
    sandbox: Sandbox,
    peers: Sequence[socket.socket],
    cities: Sequence[str],
    came: Callable[[Answer], None],
    *,
    compressed: Callable[[str], bool] = lambda _city: False,
) -> Run:
    """Pull everything for `cities`, a cursor and a connection each; `came` is given every page.

    `compressed` says for which city gzip is asked for. The run's own answers are without bodies.
    """
    if len(peers) != len(cities):
        raise ValueError("a connection for each city")
    cities_of: dict[Request, str] = {}
    started = iter(cities)

    def ask(city: str, after: int) -> Request:
        query = f"after={after}&limit={PAGE}"
        request = pull_request(sandbox.url, query, sandbox.key(city), compressed=compressed(city))
        cities_of[request] = city
        return request

    def following(answer: Answer | None) -> Request | None:
        if answer is None:
            return ask(next(started), -1)
        city = cities_of.pop(answer.request)
        came(answer)
        found = _cursor(answer)
        return None if found is None else ask(city, found)

    return drive(peers, following, within=3600, keep=False).whole()


def _cursor(answer: Answer) -> int | None:
    """Where the next page begins, read from the last bytes of this one; None after the last."""
    if answer.status != 200:
        return None
    plain = answer.plain
    found = _END.search(plain, max(0, len(plain) - 4096))
    if found is None:
        raise RuntimeError("a page without its cursor")
    return int(found[1]) if found[2] == b"true" else None
