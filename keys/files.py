"""Private keys on disk, and the passphrase that opens them.

1. A key file is PKCS#8 in PEM, encrypted under a passphrase; plain only where there is none (a laboratory).
2. It is written whole or not at all, with mode 0600, and never over another file.
3. A file that its group or others may read is refused: what they may have read is no longer a secret.
4. Neither keys nor passphrases stand in any message; paths do, for they are what the operator must mend.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hub.errors import Code, Problem
from keys.key import PEM_BYTES
from keys.suite import (
    PrivateKey,
    SigningKey,
    UnsealKey,
    signing_key_from_pem,
    unseal_key_from_pem,
)

PASSPHRASE_VARIABLE: Final = "HUB_PASSPHRASE"  # noqa: S105 (a name, no secret)
PASSPHRASE_BYTES: Final = 1023
"""OpenSSL reads no longer one."""


def write_private(path: Path, key: PrivateKey, passphrase: bytes | None) -> None:
    """Write a key file, mode 0600, encrypted when there is a passphrase.

    Raises `Problem`: CONFLICT when the file exists, NOT_ALLOWED when it cannot be written, MALFORMED for an
    empty or overlong passphrase.
    """
    if passphrase is not None:
        _check_passphrase(passphrase)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(key.private_pem(passphrase))
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # unlike a rename, a link replaces nothing
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        raise Problem(Code.CONFLICT, f"{path} exists; a key is never written over another file") from None
    except OSError as failed:
        raise Problem(Code.NOT_ALLOWED, f"{path} cannot be written: {failed.strerror}") from failed


def read_signing(path: Path, passphrase: bytes | None) -> SigningKey:
    """The signing key in a file.

    Raises `Problem`: NOT_FOUND; NOT_ALLOWED for a file that others may read and for a wrong or missing
    passphrase; MALFORMED for another kind of key or file.
    """
    pem = read_secret(path, PEM_BYTES, "a key file")
    try:
        return signing_key_from_pem(pem, passphrase)
    except Problem as refused:
        raise Problem(refused.code, f"{path}: {refused.detail}") from refused


def read_unseal(path: Path, passphrase: bytes | None) -> UnsealKey:
    """The key for sealed parts in a file. Raises as `read_signing`."""
    pem = read_secret(path, PEM_BYTES, "a key file")
    try:
        return unseal_key_from_pem(pem, passphrase)
    except Problem as refused:
        raise Problem(refused.code, f"{path}: {refused.detail}") from refused


def read_passphrase(file: Path | None, environment: Mapping[str, str]) -> bytes | None:
    """The passphrase: from `file` if one is named, else from `HUB_PASSPHRASE`, else None.

    One line end after it is not part of it. Raises `Problem` as `read_signing`, MALFORMED when it is empty.
    """
    if file is not None:
        passphrase = read_secret(file, PASSPHRASE_BYTES + 2, "a passphrase file")
        passphrase = passphrase.removesuffix(b"\n").removesuffix(b"\r")
        source = str(file)
    elif PASSPHRASE_VARIABLE in environment:
        passphrase = environment[PASSPHRASE_VARIABLE].encode("utf-8", "surrogateescape")
        source = PASSPHRASE_VARIABLE
    else:
        return None
    try:
        _check_passphrase(passphrase)
    except Problem as refused:
        raise Problem(refused.code, f"{source}: {refused.detail}") from refused
    return passphrase


def _check_passphrase(passphrase: bytes) -> None:
    if not 1 <= len(passphrase) <= PASSPHRASE_BYTES:
        raise Problem(Code.MALFORMED, f"a passphrase has 1 to {PASSPHRASE_BYTES} bytes")


def read_secret(path: Path, longest: int, what: str) -> bytes:
    """All of a file that only its owner may read; `what` is what it should be.

    Raises `Problem`: NOT_FOUND; NOT_ALLOWED for a file that others may read, or that is none; TOO_LARGE.
    """
    try:
        # Not blocking, so that a named pipe in the file's place cannot hold the node up.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Problem(Code.NOT_ALLOWED, f"{path} is not {what} but something else")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise Problem(
                    Code.NOT_ALLOWED,
                    f"{path} has mode {mode:04o}, so others may read it: chmod 600 it, and make a new one "
                    "if they did",
                )
            content = file.read(longest + 1)
    except FileNotFoundError:
        raise Problem(Code.NOT_FOUND, f"{path}: there is no such file") from None
    except (OSError, ValueError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "not a path"
        raise Problem(Code.NOT_ALLOWED, f"{path} cannot be read: {reason}") from failed
    if len(content) > longest:
        raise Problem(Code.TOO_LARGE, f"{path}: {what} has at most {longest} bytes")
    return content


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
