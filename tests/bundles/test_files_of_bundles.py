"""Bundles as files: nobody but their owner reads them, and nothing but a regular file is read as one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from carriers import Carrier
from neighbours import Federation
from partner import YULIN

from hub.errors import Code, Problem
from hub.federation.bundles.spool import Spool
from hub.federation.bundles.volume import open_volume


@pytest.fixture(autouse=True)
def an_open_umask() -> Iterator[None]:
    """Nothing is kept from others by how this process was started."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_volumes_and_the_folders_that_are_made_for_them_are_their_owners_alone(
    nodes: Federation, carrier: Carrier, tmp_path: Path
) -> None:
    first, second, _ = nodes
    first.world.partner(YULIN).deliver(first.world.partner(YULIN).record())
    (path,) = carrier.export(first, second).paths
    assert mode(path) == 0o600
    made = path.parent
    while made != tmp_path:
        assert mode(made) == 0o700
        made = made.parent


def test_what_is_on_its_way_into_volumes_is_its_owners_alone(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.add("items/0", b"x")
        (place,) = tmp_path.iterdir()
        assert mode(place) == 0o700
        assert [mode(each) for each in place.iterdir()] == [0o600]


def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o775)
    with Spool(folder):
        pass
    assert mode(folder) == 0o775


def test_a_pipe_or_a_device_is_refused_by_name_and_nobody_waits(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.bundle"
    os.mkfifo(pipe)
    for path in (pipe, Path(os.devnull)):
        with pytest.raises(Problem) as refused:
            open_volume(path)
        assert refused.value.code is Code.MALFORMED
        assert path.name in refused.value.detail
