"""An office, opened: its dialect, its keys, its client of the node, and what is remembered of it.

One process works for a city at a time; a second one waits a while and is then told so.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import hub
from adapters import cities
from adapters.dialect import Dialect
from hub.client import Client
from hub.errors import Code, Problem
from hub.offices.contents import ContentKey
from hub.offices.settings import OfficeSettings
from hub.profile import open_client, read_profile, trust_of
from hub.store.offices import OfficeMemory
from keys.files import read_passphrase, read_unseal
from keys.suite import UnsealKey

WAIT_SECONDS: Final = 30
LOOK_EVERY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Office:
    """What everything done for a city needs. `meaning` changes when the dialect or the program does."""

    settings: OfficeSettings
    dialect: Dialect
    meaning: bytes
    client: Client
    key: UnsealKey
    memory: OfficeMemory
    contents: ContentKey
    clock: Callable[[], datetime]
    environment: Mapping[str, str]
    state: Path

    @property
    def city(self) -> str:
        return self.settings.city

    @property
    def scratch(self) -> Path:
        """A folder for copies; emptied when the office is opened."""
        return self.state / "scratch"


@contextmanager
def open_office(
    settings: OfficeSettings,
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> Iterator[Office]:
    """Open a city's office for as long as the context lasts.

    Raises: Problem for settings, keys and trust that do not fit, `busy` where another process is at work for the
    city or the database does not answer.
    """
    dialect, meaning = read_dialect(settings)
    profile = read_profile(settings.profile)
    if profile.sender() != settings.city:
        raise Problem(
            Code.INVALID,
            f"the profile speaks for {profile.sender()}, not for {settings.city}",
            where="/profile",
        )
    key = read_unseal(settings.seal_key, read_passphrase(settings.passphrase_file, environment))
    folder = settings.state / "offices" / settings.city
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder / "lock", settings.city, wait_seconds):
        for left in scratch.iterdir():
            left.unlink(missing_ok=True)
        memory = OfficeMemory.open(settings.database)
        try:
            client = open_client(profile, trust_of(profile, clock()), environment)
            try:
                yield Office(
                    settings=settings,
                    dialect=dialect,
                    meaning=meaning,
                    client=client,
                    key=key,
                    memory=memory,
                    contents=ContentKey.kept_in(
                        folder, functools.partial(memory.rows.forget_contents, settings.city)
                    ),
                    clock=clock,
                    environment=environment,
                    state=folder,
                )
            finally:
                client.close()
        finally:
            memory.close()


def read_dialect(settings: OfficeSettings) -> tuple[Dialect, bytes]:
    """A city's dialect, and a digest of its file and of this version: what was read by another is read again."""
    dialect = (
        cities.dialect(settings.city) if settings.dialect is None else cities.read_city(settings.dialect)
    )
    if dialect.city != settings.city:
        raise Problem(
            Code.INVALID, f"the dialect is {dialect.city}'s, not {settings.city}'s", where="/dialect"
        )
    path = settings.dialect or cities.written_in(settings.city)
    version = f"{hub.__version__} {settings.to} ".encode()
    return dialect, hashlib.sha256(version + path.read_bytes()).digest()


@contextmanager
def _alone(path: Path, city: str, seconds: float) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Problem(Code.BUSY, f"another run is at work for {city}; try again later") from None
                time.sleep(LOOK_EVERY_SECONDS)
        yield
    finally:
        os.close(descriptor)
