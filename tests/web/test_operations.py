"""For the operator: liveness, readiness, metrics and log lines, none of which names a record or a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from partner import ALERT, CASE_PRIVATE, ORDOS, YULIN, World, members_of
from structlog.testing import capture_logs

from hub.clock import rfc3339
from hub.config import read_config
from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.node import Node
from hub.store import Job
from keys.seal import seal
from keys.suite import generate_signing


def database(world: World) -> Path:
    return world.folder / "nodes" / world.node.config.name / "hub.db"


def ready(world: World) -> tuple[int, list[str]]:
    answer = world.send("GET", "/readyz", None, {})
    return answer.status, answer.json["faults"]


def test_a_node_that_can_work_is_alive_and_ready(world: World) -> None:
    assert world.send("GET", "/healthz", None, {}).json == {"alive": True, "name": world.node.config.name}
    answer = world.send("GET", "/readyz", None, {})
    assert (answer.status, answer.json["ready"], answer.json["log_entries"]) == (200, True, 2)


TAMPERING: dict[str, str] = {
    "a size that is larger": "UPDATE log_head SET size = size + 1",
    "a size that is smaller": "UPDATE log_head SET size = size - 1",
    "another checkpoint": "UPDATE log_head SET checkpoint = replace(checkpoint, char(10), ' ')",
    "no checkpoint": "UPDATE log_head SET checkpoint = ''",
    "a frontier that is cut": "UPDATE log_head SET frontier = substr(frontier, 1, 8)",
    "a frontier of zeros": (
        "UPDATE log_head SET frontier = CAST(substr(frontier, 1, 8) || zeroblob(length(frontier) - 8) AS BLOB)"
    ),
    "no last entry": "DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)",
}


@pytest.mark.parametrize("name", TAMPERING)
def test_a_node_whose_logs_head_was_tampered_with_is_not_ready(world: World, name: str) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(yulin.record())
    assert ready(world) == (200, [])
    connection = sqlite3.connect(database(world))
    with connection:
        connection.execute(TAMPERING[name])
    connection.close()
    status, faults = ready(world)
    assert status == 503
    assert "log" in faults[0]
    assert world.send("GET", "/healthz", None, {}).status == 200


def test_a_checkpoint_by_another_key_is_not_this_nodes(world: World) -> None:
    head = world.node.store.head()
    root = bytes(range(32))
    forged = sign_checkpoint(Checkpoint(head.origin, head.size, root), generate_signing())
    connection = sqlite3.connect(database(world))
    with connection:
        connection.execute("UPDATE log_head SET checkpoint = ?", [forged])
    connection.close()
    assert ready(world)[0] == 503


def test_a_database_that_does_not_answer_is_not_ready_and_busy(world: World) -> None:
    connection = sqlite3.connect(database(world))
    with connection:
        connection.execute("ALTER TABLE log_head RENAME TO gone")
    connection.close()
    assert ready(world)[0] == 503
    answer = world.partner(YULIN).get("/v1/records")
    assert (answer.problem, answer.headers["Retry-After"]) == ("busy", "5")
    assert b"hub_ready 0.0" in world.send("GET", "/metrics", None, {}).body


def test_a_node_of_another_name_or_key_does_not_start(open_a_world: Callable[..., World]) -> None:
    world = open_a_world()
    home = world.folder / "nodes"
    first, second = (home / node.name / "hub.toml" for node in world.lab.nodes)
    text = first.read_text()
    first.write_text(text.replace(world.node.config.name, "640100.exchange", 1))
    with pytest.raises(Problem) as refused:
        Node(read_config(first))
    assert refused.value.code is Code.NOT_FOUND
    for key in ("node", "log"):
        theirs = home / world.lab.nodes[1].name / "keys"
        first.write_text(
            text.replace(f"keys/{key}.pem", str(theirs / f"{key}.pem")).replace(
                "keys/passphrase", str(theirs / "passphrase")
            )
        )
        with pytest.raises(Problem) as refused:
            Node(read_config(first))
        assert refused.value.code in (Code.UNKNOWN_KEY, Code.NOT_ALLOWED)
    assert second.exists()


def test_peers_that_fail_or_are_cut_off_are_counted(world: World) -> None:
    name = next(name for name in world.node.trust().nodes if name != world.node.config.name)

    def told() -> tuple[object, ...]:
        said = world.send("GET", "/readyz", None, {}).json
        shown = world.send("GET", "/metrics", None, {}).body.decode().splitlines()
        return (
            said["ready"],
            *(said[each] for each in ("peers_cut_off", "peers_failing")),
            *(line for line in shown if line.startswith("hub_peers_")),
        )

    assert told() == (True, 0, 0, "hub_peers_cut_off 0.0", "hub_peers_failing 0.0")
    at = rfc3339(world.clock())
    world.node.store.write(Job(lambda transaction: transaction.neighbours.fail(name, "busy: gone", at)))
    world.node.store.write(Job(lambda transaction: transaction.neighbours.fail("a stranger", "busy", at)))
    assert told() == (True, 0, 1, "hub_peers_cut_off 0.0", "hub_peers_failing 1.0")
    world.node.store.write(Job(lambda transaction: transaction.neighbours.cut(name, at, "fork")))
    assert told() == (True, 1, 0, "hub_peers_cut_off 1.0", "hub_peers_failing 0.0")


# -- what is written about requests ------------------------------------------------------------------------


def busy_day(world: World) -> list[str]:
    """Requests of every sort; the texts that must stand nowhere outside of the records."""
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    trust = world.node.trust()
    keys = [trust.seal_key(city, world.clock()) for city in (YULIN, ORDOS)]
    part = seal(wire.compact(CASE_PRIVATE), [key for key in keys if key is not None])
    case = yulin.record("mediation_case", sealed=part)
    bad = yulin.record(body={**ALERT, "headline": "查 11010519491231002X 张某某"})
    outcomes = yulin.push(case, bad, yulin.record(), "13912345678")
    ordos.pull()
    record_id = outcomes[0]["id"]
    for path in ("", "/proof", "/delivery"):
        yulin.get(f"/v1/records/{record_id}{path}")
    yulin.get("/v1/records?kind=13912345678")
    yulin.get("/v1/records/13912345678")
    yulin.post(b'{"records": ["13912345678", NaN]}')
    world.send("GET", "/v1/13912345678?name=张某某", None, {})
    return [
        *("11010519491231002X", "13912345678", "张某", "麻镇", "演练", ALERT["identifier"]),
        *case.split(".")[1:],
        members_of(case)["salt"],
        record_id,
    ]


def test_log_lines_hold_ids_and_codes_and_no_contents(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    with capture_logs() as lines:
        secrets = busy_day(world)
    written = "\n".join([*map(repr, lines), caplog.text, *capfd.readouterr()])
    assert len([line for line in lines if line["event"] == "request"]) >= 9
    assert world.partner(YULIN).key.kid in written
    assert "invalid" in written
    for secret in secrets:
        assert str(secret) not in written


def test_metrics_count_and_name_nobody(world: World) -> None:
    secrets = busy_day(world)
    text = world.send("GET", "/metrics", None, {}).body.decode()
    assert "hub_ready 1.0" in text
    assert 'hub_records_total{outcome="accepted"}' in text
    assert 'hub_records_total{outcome="invalid"}' in text
    assert 'hub_requests_total{endpoint="records.push",status="200"}' in text
    assert f"hub_log_entries {world.node.store.head().size}.0" in text
    assert "hub_trust_expires_in_seconds 3" in text
    for secret in (*secrets, YULIN, ORDOS, world.partner(YULIN).key.kid):
        assert str(secret) not in text


def test_entries_hold_no_contents(world: World) -> None:
    secrets = busy_day(world)
    written = b"\n".join(world.node.store.lines(0, world.node.store.head().size)).decode()
    for secret in secrets[:-1]:
        assert str(secret) not in written, "the record's id alone stands in the log"
