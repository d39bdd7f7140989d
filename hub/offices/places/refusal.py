"""What an operating system, a server or a driver raises -> our `Problem`, told of a source or sink by name."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hub.errors import Code, Problem

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MOVED: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR})


@contextmanager
def refusals(who: str) -> Iterator[None]:
    """Turn whatever a place raises into a `Problem`; `who` is such as `source mediation`.

    A server is a stranger: what its answers may bring a library to raise has no end, so all of it counts as
    `busy`, by the name of its type.
    """
    try:
        yield
    except Problem:
        raise
    except FileNotFoundError as error:
        raise Problem(Code.NOT_FOUND, f"{who}: gone, or never there; look at url") from error
    except PermissionError as error:
        raise Problem(Code.NOT_ALLOWED, f"{who}: this account may not; ask for the right to it") from error
    except Exception as error:
        raise Problem(Code.BUSY, f"{who}: {_told(error)}") from error


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return "no room is left there; make room, the next run tries again"
        if error.errno in _MOVED:
            return "something else stands there now; the next run looks again"
    return f"does not answer as it should ({type(error).__name__}); the next run tries again"
