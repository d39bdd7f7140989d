"""Every test of trust has a region of its own, to change as it likes, and five officers to sign for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from trust_officers import Ceremony
from trust_region import Region


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path)
    made.begin()
    return made
