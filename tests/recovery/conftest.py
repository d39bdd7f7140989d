"""Three nodes behind real sockets in one process; any of them can be set back to an old copy of its database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stations import Region, Station, built_region, opened_region

from hub.lab.building import Lab
from hub.serving import CONFIG_VARIABLE


@pytest.fixture(scope="session")
def region_lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    folder = tmp_path_factory.mktemp("region") / "lab"
    return folder, built_region(folder)


@pytest.fixture
def region(region_lab: tuple[Path, Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    for name in ("HUB_PASSPHRASE", "HUB_PROFILE", CONFIG_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    with opened_region(*region_lab, tmp_path / "lab") as region:
        yield region


@pytest.fixture(name="first")
def the_first_station(region: Region, monkeypatch: pytest.MonkeyPatch) -> Station:
    """The node that things happen to, and that a start in this process would start."""
    first, *_ = region
    monkeypatch.setenv(CONFIG_VARIABLE, str(first.home / "hub.toml"))
    return first
