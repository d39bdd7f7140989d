"""Digests of contents, by which a row is known again: keyed, since what they stand for holds personal data.

The key is made on first use and stays in the office's state folder. Where it was lost, every row is compared with what
the node holds, once; nothing is sent twice.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hub.errors import Code, Problem
from schemas import strict_json

KEY_BYTES: Final = 32
KEY_FILE: Final = "content-key"


class ContentKey:
    """The key of an office's digests."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @staticmethod
    def kept_in(folder: Path, forget: Callable[[], None]) -> ContentKey:
        """The key in a folder, made where there is none; `forget` is called first, and lets go of older digests.

        Raises: Problem `malformed` for a damaged file.
        """
        path = folder / KEY_FILE
        if path.exists():
            key = path.read_bytes()
            if len(key) != KEY_BYTES:
                raise Problem(Code.MALFORMED, f"{path} is damaged; remove it, and all rows are compared anew")
            return ContentKey(key)
        forget()
        key = secrets.token_bytes(KEY_BYTES)
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return ContentKey(key)

    def of(self, *parts: Any) -> bytes:
        """The digest of JSON values, 32 bytes."""
        return hashlib.blake2b(strict_json.dumps(list(parts)), digest_size=32, key=self._key).digest()

    def of_record(
        self,
        kind: str,
        body: Mapping[str, Any] | None,
        private: Mapping[str, Any] | None,
        recipients: Sequence[str],
        subject: str | None,
    ) -> bytes:
        """The digest of what a record says. Agreement and marking are not of it: they may change, and it stays."""
        return self.of(
            "record",
            kind,
            None if body is None else dict(body),
            None if private is None else dict(private),
            sorted(recipients),
            subject,
        )
