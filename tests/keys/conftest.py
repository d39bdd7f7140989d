"""Every test of trust has a region of its own, to change as it likes."""

from __future__ import annotations

import pytest
from trust_region import Region


@pytest.fixture
def region() -> Region:
    return Region()
