"""When a request to a node is tried again: while the node is busy or out of reach, after a pause that grows.

A node that says when to come again (Retry-After) is taken at its word. Where that is not soon, whoever called decides.
"""

from __future__ import annotations

from typing import Final

import tenacity

from hub.errors import Code, Problem

PAUSE_SECONDS_AT_MOST: Final = 10
"""A node that asks for more waits for what other people do: nobody is kept before a silent screen for that."""
_GROWING: Final = tenacity.wait_random_exponential(multiplier=0.2, max=PAUSE_SECONDS_AT_MOST)


def retrying(tries: int) -> tenacity.Retrying:
    """What calls something up to `tries` times, and raises its last Problem."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_passing),
        wait=_pause,
        stop=tenacity.stop_after_attempt(tries),
        reraise=True,
    )


def _passing(error: BaseException) -> bool:
    """Whether another try may help, and soon."""
    return (
        isinstance(error, Problem)
        and error.code in (Code.BUSY, Code.TOO_MANY_REQUESTS)
        and (error.retry_after is None or error.retry_after <= PAUSE_SECONDS_AT_MOST)
    )


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, Problem) and error.retry_after is not None:
        return float(error.retry_after)
    return _GROWING(state)
