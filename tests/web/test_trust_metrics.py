"""Whoever watches the metrics learns weeks ahead which part of the trust repository ends, and who has to sign."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from partner import World

import hub.trust


def seconds_left(world: World) -> dict[str, float]:
    text = world.send("GET", "/metrics", None, {}).content.decode()
    return {
        role: float(left)
        for role, left in re.findall(
            r'^hub_trust_role_expires_in_seconds\{role="([a-z]+)"\} (\S+)$', text, re.M
        )
    }


def test_each_role_has_its_own_time_left(world: World) -> None:
    left = seconds_left(world)
    assert set(left) == {"root", "targets", "snapshot", "timestamp"}
    now = world.clock()
    for role, expires_at in world.node.trust.role_expiries.items():
        assert left[role] == pytest.approx((expires_at - now).total_seconds(), abs=60)
    assert world.node.trust.expires_at == min(world.node.trust.role_expiries.values())


def test_the_time_left_runs_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.trust, "LOOK_EVERY_SECONDS", -1)
    before = seconds_left(world)
    world.clock.advance(days=2)
    after = seconds_left(world)
    for role, left in before.items():
        assert left - after[role] == pytest.approx(timedelta(days=2).total_seconds(), abs=60)
