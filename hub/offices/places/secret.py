"""Passwords, tokens and keys that open a place: one file each, which nobody else may read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hub.errors import Code, Problem
from keys import files

SECRET_BYTES: Final = 16 * 1024
"""A signed token may have a few thousand."""


def read_secret(who: str, path: Path) -> str:
    """The one line in a secret's file; its line end is not part of it.

    Raises: Problem `not-found`; `not-allowed` for a file that others may read, or that is none; `too-large` for one
    longer than `SECRET_BYTES`; `invalid` for one that is empty, or not one line of UTF-8.
    """
    try:
        text = read_private(who, path).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise Problem(Code.INVALID, f"{who}: {path} must hold the secret in one line of UTF-8, and no more")
    return text


def read_private(who: str, path: Path) -> bytes:
    """All of a file that only its owner may read. Raises as `read_secret`."""
    try:
        return files.read_secret(path, SECRET_BYTES, "a file with a secret")
    except Problem as problem:
        raise Problem(problem.code, f"{who}: {problem.detail}") from problem
