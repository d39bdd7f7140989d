"""How a node comes to its `Trust`: the TUF client workflow over a folder, by python-tuf.

1. The root is pinned on first use, from the state folder or else from the repository's oldest root; from then
   on a new root counts only if the old root's cities signed it.
2. Root, timestamp, snapshot, targets, in this order: signatures and thresholds, versions never falling,
   nothing expired at `now`. The state folder keeps what was seen, so that a roll-back shows.
3. The two target files: length and hash as signed, then read strictly (`keys.trust_schema`) and combined.

The repository is a flat folder: `<n>.root.json`, `timestamp.json`, `<n>.snapshot.json`, `<n>.targets.json`
and `targets/<sha256>.<file>`. It is only read. A lock lets one process at a time use a state folder. Every
failure is a `Problem`: STALE for what is expired, rolled back or frozen; BAD_SIGNATURE for signatures below
the threshold and for files that are not those that were signed; NOT_FOUND, TOO_LARGE, MALFORMED for files.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.serialization import DeserializationError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from hub.errors import Code, Problem
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE, Target, Trust, combine
from keys.trust_schema import TARGET_BYTES, parse_agreements, parse_trust_list

METADATA_BYTES: Final = 512 * 1024
"""The longest metadata file that is read."""
ROOT_ROTATIONS: Final = 256
"""The most new roots that are followed in one go."""
TARGETS_FOLDER: Final = "targets"

_SCHEME: Final = "repository:/"
_FILE_NAME = re.compile(r"(?:targets/)?[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_ROOT_FILE = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
_LONGEST: Final = max(METADATA_BYTES, TARGET_BYTES)


def open_trust(repository: Path, state: Path, now: datetime) -> Trust:
    """The trust that is in force at `now`.

    `state` is made if it is absent and must be writable; `repository` is only read. Raises only `Problem`.
    """
    with _locked(state):
        try:
            return _open(repository, state, now)
        except OSError as failed:
            raise Problem(Code.NOT_FOUND, f"trust repository: {failed.strerror or failed}") from failed


def open_trust_once(repository: Path, now: datetime, root: bytes | None = None) -> Trust:
    """The trust in a folder that was handed over, as an auditor reads it: nothing is kept.

    `root` is the root that the auditor has from elsewhere. Without it the folder's own root is believed,
    which proves only that the folder agrees with itself.
    """
    with tempfile.TemporaryDirectory(prefix="trust-") as folder:
        state = Path(folder)
        if root is not None:
            history = state / "root_history"
            history.mkdir()
            (history / "1.root.json").write_bytes(root)
        return open_trust(repository, state, now)


class FolderFetcher(FetcherInterface):
    """Reads the files of a repository from a folder; which length each may have python-tuf checks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(_SCHEME)
        if not _FILE_NAME.fullmatch(name):
            raise DownloadHTTPError("a name that no repository has", 404)
        try:
            with (self._folder / name).open("rb") as file:
                content = file.read(_LONGEST + 1)
        except FileNotFoundError:
            raise DownloadHTTPError(f"{name} is missing", 404) from None
        except OSError as failed:
            raise DownloadError(f"{name} cannot be read: {failed.strerror}") from failed
        return iter((content,))


def _open(repository: Path, state: Path, now: datetime) -> Trust:
    bootstrap = _pinned_root(state) or _first_root(repository)
    try:
        updater = Updater(
            metadata_dir=str(state),
            metadata_base_url=_SCHEME,
            target_dir=str(state / TARGETS_FOLDER),
            target_base_url=f"{_SCHEME}{TARGETS_FOLDER}/",
            fetcher=FolderFetcher(repository),
            config=UpdaterConfig(
                max_root_rotations=ROOT_ROTATIONS,
                max_delegations=0,
                root_max_length=METADATA_BYTES,
                timestamp_max_length=METADATA_BYTES,
                snapshot_max_length=METADATA_BYTES,
                targets_max_length=METADATA_BYTES,
            ),
            bootstrap=bootstrap,
        )
        # python-tuf reads the clock when it makes this set and offers no argument for it. Nothing has been
        # compared with that time yet: a root's expiry is looked at only once the timestamp is loaded.
        trusted = updater._trusted_set
        trusted.reference_time = now.astimezone(UTC)
        updater.refresh()
        trust_list_bytes = _target(updater, TRUST_LIST_FILE)
        agreements_bytes = _target(updater, AGREEMENTS_FILE)
    except (RepositoryError, DownloadError, DeserializationError) as refused:
        raise _problem(refused) from refused
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as broken:
        # What python-tuf lets through when metadata has members of the wrong form.
        raise Problem(Code.MALFORMED, "trust repository: metadata of a wrong form") from broken
    roles = (trusted.root, trusted.targets, trusted.snapshot, trusted.timestamp)
    expiries = {role.type: role.expires for role in roles}
    trust_list = parse_trust_list(trust_list_bytes)
    agreements = parse_agreements(agreements_bytes)
    targets = (
        Target(TRUST_LIST_FILE, trust_list.version, hashlib.sha256(trust_list_bytes).hexdigest()),
        Target(AGREEMENTS_FILE, agreements.version, hashlib.sha256(agreements_bytes).hexdigest()),
    )
    return combine(trust_list, agreements, targets, min(expiries.values()), expiries)


def _target(updater: Updater, file: str) -> bytes:
    signed = updater.get_targetinfo(file)
    if signed is None:
        raise Problem(Code.NOT_FOUND, f"trust repository: the signed targets do not list {file}")
    if signed.length > TARGET_BYTES:
        raise Problem(Code.TOO_LARGE, f"trust repository: {file} is longer than {TARGET_BYTES} bytes")
    cached = updater.find_cached_target(signed)
    content = Path(cached or updater.download_target(signed)).read_bytes()
    signed.verify_length_and_hashes(content)
    return content


def _pinned_root(state: Path) -> bytes | None:
    """The newest root that was accepted before; each in the history was signed by the one before it."""
    versions = [
        int(match[1])
        for path in (state / "root_history").glob("*.root.json")
        if (match := _ROOT_FILE.fullmatch(path.name))
    ]
    if not versions:
        return None
    return _bounded(state / "root_history" / f"{max(versions)}.root.json")


def _first_root(repository: Path) -> bytes:
    for name in ("1.root.json", "root.json"):
        root = repository / name
        if root.exists():
            return _bounded(root)
    raise Problem(Code.NOT_FOUND, "trust repository: there is no 1.root.json to begin with")


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(METADATA_BYTES + 1)
    if len(content) > METADATA_BYTES:
        raise Problem(Code.TOO_LARGE, f"trust repository: {path.name} is longer than {METADATA_BYTES} bytes")
    return content


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as failed:
        raise Problem(
            Code.NOT_ALLOWED, f"the state folder {state} cannot be written: {failed.strerror}"
        ) from failed
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _problem(refused: Exception) -> Problem:
    """python-tuf's refusals in our words; its own, which name role and numbers, follow."""
    code, words = Code.MALFORMED, "metadata that cannot be read"
    for kind, its_code, its_words in _MEANINGS:
        if isinstance(refused, kind):
            code, words = its_code, its_words
            break
    return Problem(code, f"trust repository: {words} ({refused})")


_MEANINGS: Final[tuple[tuple[type[Exception], Code, str], ...]] = (
    (ExpiredMetadataError, Code.STALE, "expired, or held back from renewal"),
    (BadVersionNumberError, Code.STALE, "rolled back, or of a version that was not announced"),
    (UnsignedMetadataError, Code.BAD_SIGNATURE, "below the threshold of signatures"),
    (LengthOrHashMismatchError, Code.BAD_SIGNATURE, "a file is not the one that was signed"),
    (DownloadLengthMismatchError, Code.TOO_LARGE, "a file is longer than it may be"),
    (DownloadHTTPError, Code.NOT_FOUND, "a file is missing"),
    (DownloadError, Code.NOT_FOUND, "a file cannot be read"),
)
