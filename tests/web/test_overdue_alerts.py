"""What the operator's network is told of alerts that nobody has answered: numbers, and neither cities nor records."""

from __future__ import annotations

from typing import Any

from partner import ALERT, ORDOS, XINZHOU, YULIN, World, members_of

ASKING = {**ALERT, "acknowledge_within": 15}


def send(world: World) -> str:
    yulin = world.partner(YULIN)
    record = yulin.record(to=[ORDOS, XINZHOU], body=ASKING)
    yulin.deliver(record)
    return record


def told(world: World) -> tuple[int, dict[str, Any]]:
    answer = world.send("GET", "/readyz", None, {})
    return answer.status, answer.json


def gauges(world: World) -> list[str]:
    lines = world.send("GET", "/metrics", None, {}).content.decode().splitlines()
    return sorted(line for line in lines if line.startswith("hub_alerts_"))


def test_a_node_with_overdue_alerts_is_ready_and_says_how_many(world: World) -> None:
    assert [told(world)[1][name] for name in ("alerts_awaited", "alerts_overdue")] == [0, 0]
    send(world)
    world.clock.advance(minutes=20)
    send(world)
    status, said = told(world)
    assert (status, said["ready"], said["faults"]) == (200, True, [])
    assert (said["alerts_awaited"], said["alerts_overdue"]) == (4, 2)


def test_metrics_follow_and_name_nobody(world: World) -> None:
    assert gauges(world) == ["hub_alerts_awaited 0.0", "hub_alerts_overdue 0.0"]
    record, xinzhou = send(world), world.partner(XINZHOU)
    assert gauges(world) == ["hub_alerts_awaited 2.0", "hub_alerts_overdue 0.0"]
    world.clock.advance(minutes=15)
    assert gauges(world) == ["hub_alerts_awaited 2.0", "hub_alerts_overdue 2.0"]
    xinzhou.deliver(xinzhou.acknowledgement(record))
    assert gauges(world) == ["hub_alerts_awaited 1.0", "hub_alerts_overdue 1.0"]


def test_the_delivery_says_by_when_and_whether_that_is_past(world: World) -> None:
    record, yulin = send(world), world.partner(YULIN)
    path = f"/v1/records/{members_of(record)['id']}/delivery"
    world.clock.advance(minutes=15)
    recipients = yulin.get(path).json["recipients"]
    assert [(each["status"], each["overdue"]) for each in recipients] == [("pending", True)] * 2
    assert all(each["due_at"].endswith("Z") for each in recipients)
    assert world.auditor().get(path).json["recipients"] == recipients
