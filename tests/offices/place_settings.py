"""Settings of sources and sinks as the configuration gives them, with what a test does not care for left plain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hub.offices.settings import Access, SinkSettings, SourceSettings

_ACCESS = Access("mediation", "", None, None, None, None, None, None, 5)
_SOURCE = SourceSettings(_ACCESS, "*", 0, None, 1, None, None, 20, None)
_SOURCE_FIELDS = frozenset(SourceSettings.__slots__) - {"access"}


def access_at(url: str | Path, **changed: Any) -> Access:
    return replace(_ACCESS, url=url.as_uri() if isinstance(url, Path) else url, **changed)


def source_at(url: str | Path, **changed: Any) -> SourceSettings:
    """Settings of a source; what is changed may belong to it or to its access."""
    own = {name: changed.pop(name) for name in _SOURCE_FIELDS & changed.keys()}
    return replace(_SOURCE, access=access_at(url, **changed), **own)


def sink_at(url: str | Path, **changed: Any) -> SinkSettings:
    return SinkSettings(access_at(url, name="arrivals", **changed), frozenset(), None)


def secret(path: Path, text: str) -> Path:
    """A file with a secret, for its owner alone."""
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path
