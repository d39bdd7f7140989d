"""Push, pull, receipt, delivery and adapters against a node that runs, over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Hub, Said

from hub.cli.output import Output
from hub.cli.push import Sending, show
from hub.client import Outcome
from hub.lab.building import SYSTEM
from hub.lab.running import RunningLab
from keys import record_signature

YULIN, ORDOS, XINZHOU = "610800", "150600", "140900"
CAP = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
<identifier>{identifier}</identifier><sender>yulin.example</sender><sent>2026-11-21T08:30:00+08:00</sent>
<status>Exercise</status><msgType>Alert</msgType><scope>Restricted</scope><restriction>test</restriction>
<info><language>zh-CN</language><category>Security</category><event>协查</event><urgency>Immediate</urgency>
<severity>Severe</severity><certainty>Likely</certainty><expires>2036-11-22T08:30:00+08:00</expires>
<headline>{headline}</headline><area><areaDesc>府谷县</areaDesc>
<geocode><valueName>GB/T 2260</valueName><value>610822</value></geocode></area></info></alert>
"""


@dataclass(frozen=True)
class Desk:
    """A city's clerk: `hub` with its profile, and what to send."""

    run: Callable[..., Said]
    profile: Path

    def __call__(self, *arguments: object, **more: Any) -> Said:
        return self.run(*arguments, HUB_PROFILE=str(self.profile), **more)


@pytest.fixture
def desks(hub: Hub, running_lab: RunningLab, tmp_path: Path) -> dict[str, Desk]:
    """Profiles of their own, so that no test finds another's cursor."""
    clients = Path(running_lab.lab.trust).parent / "clients"
    found = {}
    for city in (YULIN, ORDOS, XINZHOU):
        text = (clients / f"{city}-{SYSTEM}.toml").read_text().replace('"../', f'"{clients.parent}/')
        (tmp_path / f"{city}.toml").write_text(text)
        found[city] = Desk(hub, tmp_path / f"{city}.toml")
    return found


@pytest.fixture
def agreement(running_lab: RunningLab) -> str:
    return str(running_lab.lab.agreements[0]["id"])


def contribution(text: str = "参加调解", **members: Any) -> dict[str, Any]:
    body = {"what": "join", "organisation": text, "at": "2026-11-05T10:00:00+08:00"}
    subject = "018f2c3e-7b6a-7c1d-9e2f-ba9876543210"
    return {"kind": "case_contribution", "to": [ORDOS], "subject": subject, "body": body, **members}


def written(path: Path, draft: dict[str, Any]) -> Path:
    path.write_text(json.dumps(draft))
    return path


def test_a_draft_is_signed_sent_fetched_and_verified(
    hub: Hub, desks: dict[str, Desk], agreement: str, running_lab: RunningLab, tmp_path: Path
) -> None:
    draft = written(tmp_path / "c.json", contribution(private={"text": "内部意见", "mediators": []}))
    sent = desks[YULIN]("push", draft, "--agreement", agreement, "--json")
    assert sent.code == 0, sent.err
    (outcome,) = sent.json["outcomes"]
    assert outcome["status"] == "accepted"
    assert desks[ORDOS]("pull", "--out", tmp_path / "in", "--ack", "accepted").code == 0
    (jws,) = (tmp_path / "in").glob(f"*-{outcome['id']}-1.jws")
    trust = running_lab.lab.trust
    assert hub("verify", jws, jws.with_suffix(".tlog-proof"), "--trust", trust).code == 0
    (recipient,) = desks[YULIN]("delivery", outcome["id"], "--json").json["delivery"]
    assert (recipient["city"], recipient["outcome"]) == (ORDOS, "accepted")


def test_sending_a_draft_twice_makes_one_record(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    draft = written(tmp_path / "c.json", contribution())
    first, second = (desks[YULIN]("push", draft, "--agreement", agreement, "--json").json for _ in range(2))
    assert [told["outcomes"][0]["status"] for told in (first, second)] == ["accepted", "duplicate"]
    assert first["outcomes"][0]["index"] == second["outcomes"][0]["index"]


def test_a_draft_that_was_changed_after_it_was_sent_is_not_sent_again(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    draft = written(tmp_path / "c.json", contribution())
    desks[YULIN]("push", draft, "--agreement", agreement)
    later = draft.with_suffix(".jws").stat().st_mtime + 10
    os.utime(written(draft, contribution("另一意见")), (later, later))
    said = desks[YULIN]("push", draft, "--agreement", agreement, "--json")
    assert said.code == 1
    assert "to revise that record" in said.json["outcomes"][0]["problem"]["detail"]


def test_a_revision_follows_the_one_that_is_held(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    first = desks[YULIN](
        "push", written(tmp_path / "1.json", contribution()), "--agreement", agreement, "--json"
    )
    record = first.json["outcomes"][0]["id"]
    revised = contribution("改派人员", id=record, revision=2)
    skipped = contribution("改派人员", id=record, revision=4)
    sent = desks[YULIN](
        *("push", "--agreement", agreement, "--json"),
        written(tmp_path / "2.json", revised),
        written(tmp_path / "4.json", skipped),
    )
    second, fourth = sent.json["outcomes"]
    assert second["status"] == "accepted"
    assert fourth["problem"]["code"] == "wrong-revision"
    (tmp_path / "2.jws").unlink()
    again = desks[YULIN]("push", tmp_path / "2.json", "--agreement", agreement, "--json").json["outcomes"][0]
    assert (again["status"], again["index"]) == ("duplicate", second["index"])


def test_a_refused_record_spoils_no_neighbour_and_leaves_nothing_behind(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    files = [
        written(tmp_path / "a.json", contribution(agreement="no-such-agreement")),
        written(tmp_path / "b.json", contribution() | {"body": {"what": "nothing"}}),
        written(tmp_path / "c.json", contribution()),
        written(tmp_path / "d.json", {"kind": "case_contribution", "surprise": 1}),
    ]
    (tmp_path / "e.jws").write_text("not.a.jws")
    said = desks[YULIN]("push", *files, tmp_path / "e.jws", "--agreement", agreement, "--json")
    assert said.code == 1
    found = [(told["problem"] or {"code": None})["code"] for told in said.json["outcomes"]]
    assert found == ["no-agreement", "invalid", None, "invalid", "malformed"]
    assert said.json["outcomes"][1]["problem"]["where"] == "/body/what"
    assert sorted(path.name for path in tmp_path.glob("*.jws")) == ["c.jws", "e.jws"]
    shown = desks[YULIN]("push", files[1], "--agreement", agreement, lang="zh")
    assert "被拒绝" in shown.out
    assert "/body/what" in shown.out


def test_a_signed_record_comes_from_standard_input(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    desks[YULIN]("push", written(tmp_path / "c.json", contribution()), "--agreement", agreement)
    jws = (tmp_path / "c.jws").read_bytes()
    (told,) = desks[YULIN]("push", "-", "--json", stdin=jws).json["outcomes"]
    assert told["status"] == "duplicate"
    assert told["digest"] == record_signature.parse(jws.decode().strip()).digest


def test_what_a_filter_passed_over_still_comes_without_it(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    for name in ("1", "2"):
        desks[YULIN]("push", written(tmp_path / f"{name}.json", contribution()), "--agreement", agreement)
    ordos = desks[ORDOS]
    assert ordos("pull", "--kind", "alert", "--out", tmp_path / "in", "--json").code == 0
    kinds = {row["kind"] for row in ordos("pull", "--out", tmp_path / "in", "--json").json["records"]}
    assert "case_contribution" in kinds
    assert ordos("pull", "--out", tmp_path / "in", "--json").json == {"records": []}
    assert ordos("pull", "--out", tmp_path / "in", lang="zh").out == "没有新的记录。\n"


def test_acknowledgements_are_not_acknowledged(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    desks[YULIN]("push", written(tmp_path / "c.json", contribution()), "--agreement", agreement)
    desks[ORDOS]("pull", "--out", tmp_path / "in", "--ack", "received")
    rows = desks[YULIN]("pull", "--out", tmp_path / "in", "--ack", "received", "--json").json["records"]
    answers = [row for row in rows if row["kind"] == "acknowledgement"]
    assert answers
    assert all(row["acknowledged"] is None for row in answers)


def test_a_receipt_is_fetched_alone(desks: dict[str, Desk], agreement: str, tmp_path: Path) -> None:
    sent = desks[YULIN](
        "push", written(tmp_path / "c.json", contribution()), "--agreement", agreement, "--json"
    )
    record = sent.json["outcomes"][0]["id"]
    assert desks[YULIN]("receipt", record, "-o", tmp_path / "r").code == 0
    assert (tmp_path / "r").read_text().startswith("c2sp.org/tlog-proof@v1\n")
    stranger = desks[XINZHOU]("receipt", record, "--json")
    assert stranger.json["problem"]["type"] == "/problems/not-found"


def test_an_auditor_verifies_the_whole_log(hub: Hub, running_lab: RunningLab) -> None:
    folder = Path(running_lab.lab.trust).parent
    said = hub(
        *("verify", "--log", running_lab.lab.nodes[0].url, "--trust", folder / "trust"),
        *("--key", folder / "keys" / "audit.pem", "--json"),
    )
    assert said.code == 0
    assert said.json["log"]["size"] == sum(said.json["entries"].values())


def test_the_node_says_that_it_is_ready(hub: Hub, desks: dict[str, Desk], running_lab: RunningLab) -> None:
    told = desks[YULIN]("status", "--json")
    assert (told.code, told.json["ready"], told.json["faults"]) == (0, True, [])
    home = Path(running_lab.lab.trust).parent / "nodes" / running_lab.lab.nodes[0].name
    assert hub("status", "--config", home / "hub.toml", lang="zh").code == 0


def test_an_export_that_is_sent_twice_is_one_record_and_changed_the_next_revision(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    source = tmp_path / "alert.xml"
    arguments = (
        "adapt",
        "cap",
        source,
        "--from",
        YULIN,
        "--to",
        ORDOS,
        "--agreement",
        agreement,
        "--push",
        "--json",
    )
    outcomes = []
    for headline in ("加强查控", "加强查控", "解除查控", "解除查控"):
        source.write_text(CAP.format(identifier="twice", headline=headline))
        outcomes.append(desks[YULIN](*arguments).json["outcomes"][0])
    assert [told["status"] for told in outcomes] == ["accepted", "duplicate", "accepted", "duplicate"]
    assert len({told["id"] for told in outcomes}) == 1
    assert outcomes[2]["index"] == outcomes[3]["index"] > outcomes[1]["index"] == outcomes[0]["index"]


def test_drafts_of_an_adapter_can_be_pushed_from_their_folder(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    source = tmp_path / "alert.xml"
    source.write_text(CAP.format(identifier="folder", headline="查控"))
    made = desks[YULIN]("adapt", "cap", source, "--from", YULIN, "--to", ORDOS, "-o", tmp_path / "drafts")
    assert made.code == 0, made.err
    (draft,) = (tmp_path / "drafts").glob("*.json")
    assert desks[YULIN]("push", draft, "--agreement", agreement).code == 0
    again = (
        "adapt",
        "cap",
        source,
        "--from",
        YULIN,
        "--to",
        ORDOS,
        "--agreement",
        agreement,
        "--push",
        "--json",
    )
    assert desks[YULIN](*again).json["outcomes"][0]["status"] == "duplicate"


def test_a_broken_export_is_refused_a_line_each(hub: Hub, tmp_path: Path) -> None:
    source = tmp_path / "bad.xml"
    source.write_text(CAP.format(identifier="a b", headline="x").replace("Immediate", "Soon"))
    said = hub("adapt", "cap", source, "--from", YULIN, "--to", ORDOS)
    assert said.code == 1
    lines = said.err.strip().splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{source}: line ") for line in lines)
    told = hub("adapt", "cap", source, "--from", YULIN, "--to", ORDOS, "--json")
    assert {each["element"] for each in told.json["rejections"]} == {"identifier", "info/urgency"}
    assert all(each["next"] for each in told.json["rejections"])


def test_pushing_an_export_needs_a_profile_and_an_agreement(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<alert/>")
    assert hub("adapt", "cap", tmp_path / "a.xml", "--from", YULIN, "--to", ORDOS, "--push").code == 2


@pytest.mark.parametrize(
    ("sender", "to", "said"),
    [
        ("610801", ORDOS, "610801 is no partner city"),
        (YULIN, "150601", "150601 is no partner city"),
        (YULIN, f"{ORDOS},{YULIN}", "--to names the city that issues"),
    ],
)
def test_cities_that_cannot_be_are_refused_before_a_file_is_read(
    hub: Hub, tmp_path: Path, sender: str, to: str, said: str
) -> None:
    (tmp_path / "a.xml").write_text("no xml")
    refused = hub("adapt", "cap", tmp_path / "a.xml", "--from", sender, "--to", to)
    assert refused.code == 2
    assert said in refused.err


def test_all_that_is_wrong_with_a_draft_is_told_at_once(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    wrong = contribution(private={"text": 1}) | {
        "body": {"what": "nothing", "form": "dance"},
        "marking": "white",
    }
    draft = written(tmp_path / "c.json", wrong)
    said = desks[YULIN]("push", draft, "--agreement", agreement, "--json")
    (outcome,) = said.json["outcomes"]
    places = {fault["where"] for fault in outcome["problem"]["faults"]}
    assert {"/body/what", "/body/form", "/marking", "/private/text"} <= places
    shown = desks[YULIN]("push", draft, "--agreement", agreement)
    assert all(place in shown.out for place in places)
    assert not (tmp_path / "c.jws").exists()


def test_a_list_is_no_draft(desks: dict[str, Desk], tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("[]")
    said = desks[YULIN]("push", tmp_path / "c.json")
    assert "a draft is one JSON object" in said.out


def test_what_a_node_refuses_keeps_the_words_of_the_contract(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    desks[YULIN]("push", written(tmp_path / "c.json", contribution()), "--agreement", agreement)
    stranger = desks[XINZHOU]("receipt", "018f2c3e-7b6a-7c1d-9e2f-ba9876543299")
    assert stranger.err.startswith("✗ Nothing here that this key may see")


def test_a_record_that_cannot_be_read_is_acknowledged_as_that(
    desks: dict[str, Desk], agreement: str, tmp_path: Path
) -> None:
    sent = desks[YULIN](
        "push", written(tmp_path / "c.json", contribution()), "--agreement", agreement, "--json"
    )
    assert desks[ORDOS]("pull", "--out", tmp_path / "in", "--ack", "unreadable").code == 0
    delivery = desks[YULIN]("delivery", sent.json["outcomes"][0]["id"], "--json").json["delivery"]
    assert delivery[0]["outcome"] == "unreadable"


@pytest.mark.parametrize("as_json", [False, True])
def test_what_a_node_warns_of_is_shown(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    warning = {
        "code": "permit-authority",
        "where": "/body/permit/authority",
        "zh": "权限",
        "en": "the city permits",
    }
    sending = Sending("e.json", outcome=Outcome("accepted", "id", "digest", 7, None, (warning,)))
    assert show(Output(as_json=as_json), [sending])
    said = capsys.readouterr().out
    assert "the city permits" in said
    assert "/body/permit/authority" in said
