"""`hub trust propose|review|sign|publish`: officers change a repository by hand, file by file, two of three here."""

from __future__ import annotations

import copy
import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import RECIPIENT, SENDER, THIRD, Hub, Paper, Said

from hub.cli.trust_dangers import dangers
from hub.cli.trust_words import Names, sentence
from hub.clock import utc_now
from hub.errors import Problem
from keys.role_files import read_root
from keys.signer_list import signers_of
from keys.trust_changes import compare_documents
from keys.trust_documents import Documents, read_in_force
from keys.trust_draft import Begun, Draft, read_draft

DEADLINE_SECONDS = 30


@dataclass
class Desk:
    """A copy of the lab's repository, its officers' keys, and drafts beside it."""

    hub: Hub
    folder: Path
    paper: Paper

    @property
    def trust(self) -> Path:
        return self.folder / "trust"

    def officer(self, number: int) -> Path:
        return self.paper.folder / "ceremony" / f"city-{number}.pem"

    def kid(self, number: int) -> str:
        kid: str = self.hub("keys", "show", self.officer(number), "--json").json["kid"]
        return kid

    def propose(self, draft: str, *options: object, **more: Any) -> Said:
        return self.hub("trust", "propose", self.trust, "--out", self.folder / draft, *options, **more)

    def review(self, draft: str, *options: object, **more: Any) -> Said:
        return self.hub("trust", "review", self.folder / draft, "--against", self.trust, *options, **more)

    def sign(self, draft: str, number: int, *options: object) -> Said:
        key = ("--key", self.officer(number), "--yes")
        return self.hub("trust", "sign", self.folder / draft, "--against", self.trust, *key, *options)

    def publish(self, draft: str, *options: object) -> Said:
        keys = self.paper.folder / "ceremony"
        operators = ("--snapshot-key", keys / "snapshot.pem", "--timestamp-key", keys / "timestamp.pem")
        return self.hub("trust", "publish", self.folder / draft, "--to", self.trust, *operators, *options)

    def new_key(self, name: str, use: str) -> Path:
        """What `hub keys new` prints, in a file."""
        said = self.hub("keys", "new", "--use", use, "--out", self.folder / f"{name}.pem", "--no-passphrase")
        (self.folder / f"{name}.txt").write_text(said.out, encoding="utf-8")
        return self.folder / f"{name}.txt"


@pytest.fixture
def desk(hub: Hub, paper: Paper, tmp_path: Path) -> Desk:
    shutil.copytree(paper.repository, tmp_path / "trust")
    return Desk(hub, tmp_path, paper)


def agreement(desk: Desk, **changed: Any) -> Path:
    """The lab's first agreement, changed, in a file."""
    held = next((desk.trust / "targets").glob("*.agreements.json"))
    first = json.loads(held.read_bytes())["agreements"][0]
    path = desk.folder / "agreement.json"
    path.write_text(json.dumps({**first, **changed}), encoding="utf-8")
    return path


def test_a_change_goes_from_hand_to_hand_into_force(desk: Desk) -> None:
    assert desk.propose("d", "--agreement", agreement(desk, highest_marking="green")).code == 0
    assert "may still sign" in desk.review("d").out
    assert "Signatures are missing" in desk.sign("d", 1).out
    mailed = desk.folder / "mailed.json"
    before = (desk.folder / "d" / "targets.json").read_bytes()
    assert "Mail this file" in desk.sign("d", 3, "--out", mailed).out
    assert (desk.folder / "d" / "targets.json").read_bytes() == before
    refused = desk.publish("d")
    assert refused.code == 1
    assert "1 of 2 signatures" in refused.err
    said = desk.hub("trust", "sign", desk.folder / "d", "--against", desk.trust, "--import", mailed)
    assert "it can be published" in said.out
    assert desk.publish("d").code == 0
    assert "nothing was written" in desk.publish("d").out
    shown = desk.hub("trust", "show", desk.trust, "--json").json
    assert shown["agreements"][0]["highest_marking"] == "green"
    assert shown["targets"] == {
        "trust-list.json": {"version": 1, "digest": shown["targets"]["trust-list.json"]["digest"]},
        "agreements.json": {"version": 2, "digest": shown["targets"]["agreements.json"]["digest"]},
    }


def test_what_other_commands_print_is_taken_as_it_is(desk: Desk) -> None:
    listen = ("--url", "https://621000.example.cn", "--listen", "127.0.0.1:8443")
    node = desk.hub("init", "--dir", desk.folder / "node", "--name", "621000.exchange", *listen)
    (desk.folder / "node.txt").write_text(node.out, encoding="utf-8")
    as_json = desk.new_key("seal", "seal").with_suffix(".json")
    shown = desk.hub("keys", "show", desk.folder / "seal.pem", "--use", "seal", "--json")
    as_json.write_text(shown.out, encoding="utf-8")
    new = ("--add-node", desk.folder / "node.txt", "--add-city", "621000", "621000.exchange")
    keys = ("--add-key", "621000", desk.new_key("sign", "sign"), "--add-key", "621000", as_json)
    auditor = (
        "--add-auditor",
        "gansu.audit",
        "621000",
        "--add-key",
        "gansu.audit",
        desk.new_key("audit", "audit"),
    )
    assert desk.propose("d", *new, *keys, "--system", "mediation", "--kinds", "all", *auditor).code == 0
    said = desk.review("d").out
    assert "New city 621000 Qingyang (庆阳市, 甘肃省), hosted by node 621000.exchange" in said
    assert "system 621000/mediation; kinds all kinds" in said
    assert "New: auditor gansu.audit: cities in scope 621000 Qingyang" in said
    witness = desk.hub(
        *("keys", "show", desk.folder / "node" / "keys" / "witness.pem", "--use", "witness"),
        *("--passphrase-file", desk.folder / "node" / "keys" / "passphrase", "--name", "621000.exchange"),
    )
    (desk.folder / "same.txt").write_text(witness.out, encoding="utf-8")
    assert desk.propose("d", "--add-key", "621000.exchange", desk.folder / "same.txt").code == 0
    private = desk.propose("d", "--add-key", "621000", desk.folder / "seal.pem")
    assert private.code == 1
    assert "is a private key" in private.err


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        (
            "zh",
            [
                f"移除城市 {RECIPIENT} 鄂尔多斯市",
                "：最高标记由 amber 琥珀（接收单位及必要相关方） 改为 green 绿（协作范围内）",
                "起作废",
                "（全体城市协作协议（实验））：缔约方减少",
                "签名门限 root：由 2/3 改为 3/3",
                "签名门限 targets：2/3，不变",
                "信任清单：版本由 1 改为 2",
            ],
        ),
        (
            "en",
            [
                f"City removed: {RECIPIENT} Ordos",
                "highest marking changes from amber TLP:AMBER (organisation and those who need to know) to green",
                "revoked from",
                "parties loses 150600 Ordos",
                "Signatures for root: 3 of 3, before 2 of 3",
                "Signatures for targets: 2 of 3, unchanged",
                "Trust list: version 1 becomes 2",
            ],
        ),
    ],
)
def test_a_review_says_each_change_in_a_sentence(desk: Desk, lang: str, sentences: list[str]) -> None:
    changed = agreement(desk, highest_marking="green", parties=[SENDER, THIRD])
    desk.propose("d", "--remove-city", RECIPIENT, "--agreement", changed, "--revoke", THIRD)
    desk.propose("d", "--threshold", 3, "--targets-threshold", 2)
    said = desk.review("d", lang=lang)
    assert said.code == 0
    for each in sentences:
        assert each in said.out


def test_a_revocation_is_warned_of_as_it_is_dated(desk: Desk) -> None:
    """From the proposal on: sign quickly. From before it, or where the draft has lain for long: what is lost."""
    hurry, lost = "sign and publish without delay", "Revoked from a time that has passed"
    desk.propose("now", "--revoke", THIRD)
    said = desk.review("now").out
    assert said.count(hurry) == 1
    assert lost not in said
    base, draft = read_in_force(desk.trust), read_draft(desk.folder / "now")
    weeks_later = [each for each in dangers(base, draft, utc_now() + timedelta(days=8)) if lost in each]
    assert len(weeks_later) == 2
    an_hour_ago = (utc_now() - timedelta(hours=1)).isoformat(timespec="seconds")
    desk.propose("past", "--revoke", THIRD, "--at", an_hour_ago)
    said = desk.review("past").out
    assert said.count(lost) == 2
    assert hurry not in said
    head = desk.folder / "now" / "draft.json"
    members = json.loads(head.read_bytes())
    del members["begun_at"]
    head.write_text(json.dumps(members), encoding="utf-8")
    assert lost in desk.review("now").out


def test_the_next_command_is_shown_as_it_has_to_be_typed(desk: Desk) -> None:
    step = desk.propose("a draft", "--renew", "targets").out.splitlines()[-1].removeprefix("Next: ")
    assert desk.hub(*shlex.split(step)[1:]).code == 0
    step = desk.sign("a draft", 1).out.splitlines()[-1].split("`")[1]
    assert desk.hub(*shlex.split(step)[1:]).code == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--move-city", SENDER, "nowhere.exchange"), "there is no node nowhere.exchange in the trust list"),
        (("--remove-city", "999999"), "there is no city 999999 in the trust list"),
        (("--end-agreement", "nothing"), "there is no agreement nothing"),
        (("--revoke", "nobody"), "there is no key, city, node or auditor nobody in the trust list"),
        (("--add-key", "999999", "sign.txt"), "there is no city, node or auditor 999999 in the trust list"),
        (("--add-key", SENDER, "agreement.json"), "agreement.json holds no public key"),
        (("--add-signer", SENDER, "agreement.json"), "agreement.json holds no public key"),
        (("--add-node", "agreement.json"), "agreement.json holds no node"),
        (("--agreement", "broken.json"), "broken.json: "),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "told",
)
def test_what_is_not_there_is_named(desk: Desk, options: tuple[str, ...], told: str) -> None:
    agreement(desk)
    desk.new_key("sign", "sign")
    (desk.folder / "broken.json").write_text("{", encoding="utf-8")
    files = ("agreement.json", "sign.txt", "broken.json")
    said = desk.propose("d", *(desk.folder / each if each in files else each for each in options))
    assert said.code == 1
    assert told in said.err
    assert not (desk.folder / "d").exists()


def test_what_is_there_already_is_told_so(desk: Desk) -> None:
    said = desk.propose("d", "--add-city", SENDER, f"{SENDER}.exchange")
    assert said.err.startswith("✗ This is there already")


def test_an_overtaken_draft_is_to_be_proposed_anew(desk: Desk) -> None:
    desk.propose("late", "--agreement", agreement(desk, highest_marking="green"))
    desk.propose("first", "--renew", "targets")
    for number in (1, 2):
        desk.sign("first", number)
    assert desk.publish("first").code == 0
    for said in (desk.sign("late", 1), desk.review("late")):
        assert said.code == 1
        assert said.err.startswith("✗ The draft was overtaken")
        assert "proposed anew" in said.err


def test_in_chinese_codes_stand_apart_and_a_city_is_named_once(desk: Desk) -> None:
    desk.propose("d", "--agreement", agreement(desk, parties=[SENDER, THIRD]))
    assert "缔约方减少 150600 鄂尔多斯市" in desk.review("d", lang="zh").out
    desk.propose("gone", "--remove-city", RECIPIENT)
    said = desk.review("gone", lang="zh").out
    assert f"移除城市 {RECIPIENT} 鄂尔多斯市（内蒙古自治区）" in said


def test_what_is_dangerous_is_said_before_anybody_signs(desk: Desk) -> None:
    yesterday = (utc_now() - timedelta(days=1)).isoformat(timespec="seconds")
    desk.propose("past", "--revoke", SENDER, "--at", yesterday)
    assert "Revoked from a time that has passed" in desk.review("past").out
    assert f"City {SENDER} Yulin has no valid key that signs records" in desk.review("past").out
    desk.propose("gone", "--remove-city", RECIPIENT)
    assert f"City {RECIPIENT} Ordos goes with all its keys" in desk.review("gone").out
    desk.propose("low", "--threshold", 1)
    said = desk.review("low", "--json").json["warnings"]
    assert "Fewer signatures than before are needed for root." in said
    assert "A single key can sign targets alone." in said
    desk.propose("short", "--root-days", 10, "--agreement", agreement(desk, highest_marking="red"))
    said = desk.review("short", "--json").json["warnings"]
    assert "The root that is to be signed holds 9 days only." in said
    assert any("lets more closely held records flow" in each for each in said)
    desk.propose(
        "alone", *(part for n in (1, 2) for part in ("--remove-signer", desk.kid(n))), "--threshold", 1
    )
    assert "As many signers of root are removed as could sign it alone." in desk.review("alone").out


def test_an_officers_key_is_known_by_its_city(desk: Desk) -> None:
    """So that whoever strikes a city out strikes out its officer's key."""
    shown = desk.folder / "officer.json"
    for number, city in ((1, SENDER), (2, RECIPIENT), (3, THIRD)):
        shown.write_text(desk.hub("keys", "show", desk.officer(number), "--json").out, encoding="utf-8")
        assert desk.propose("named", "--add-signer", city, shown).code == 0
    for number in (1, 2):
        assert desk.sign("named", number).code == 0
    assert desk.publish("named").code == 0
    assert f"{desk.kid(2)} ({RECIPIENT} Ordos)" in desk.hub("trust", "show", desk.trust).out
    assert desk.propose("gone", "--remove-city", RECIPIENT).code == 0
    said = desk.review("gone").out
    assert f"Signer removed: key {desk.kid(2)} ({RECIPIENT} Ordos), who signed root, targets" in said
    assert "Signatures for root: 2 of 2, before 2 of 3" in said
    assert "with one key lost it can never be signed again" in said
    for number in (1, 3):
        assert desk.sign("gone", number).code == 0
    assert desk.publish("gone").code == 0
    assert desk.hub("trust", "verify", desk.trust, "--root", desk.trust / "1.root.json").code == 0
    assert desk.propose("next", "--quorum", 0, "--renew", "root").code == 0
    refused = desk.sign("next", 2)
    assert refused.code == 1
    assert refused.err.startswith("✗ This key signs nothing here")


def test_officers_are_warned_weeks_before_their_part_ends(desk: Desk) -> None:
    desk.propose("short", "--root-days", 20)
    for number in (1, 2):
        desk.sign("short", number)
    assert desk.publish("short").code == 0
    said = desk.hub("trust", "show", desk.trust)
    assert "root of the trust repository expires in 19 days" in said.err
    assert f"hub trust propose {desk.trust} --out DRAFT --renew root" in said.err
    assert "targets of the trust repository" not in said.err
    desk.propose("d", "--agreement", agreement(desk, title="甲"))
    assert "The root in force ends in 19 days, and this draft does not renew it" in desk.review("d").out
    desk.propose("d", "--renew", "root")
    assert "does not renew it" not in desk.review("d").out


def test_an_altered_draft_says_whose_signature_is_void(desk: Desk) -> None:
    desk.propose("d", "--threshold", 3)
    desk.sign("d", 1)
    root = desk.folder / "d" / "root.json"
    members = json.loads(root.read_bytes())
    members["signed"]["expires"] = "2099-01-01T00:00:00Z"
    root.write_text(json.dumps(members))
    said = desk.review("d")
    assert (
        f"✗ The signature of key {desk.kid(1)} (no city named) under root counts for nothing here" in said.out
    )
    assert "2099-01-01" in said.out


def test_changed_documents_are_not_signed_as_they_were(desk: Desk) -> None:
    desk.propose("d", "--agreement", agreement(desk, title="甲"))
    held = desk.folder / "d" / "agreements.json"
    held.write_bytes(held.read_bytes().replace("甲".encode(), "乙".encode()))
    refused = desk.sign("d", 1)
    assert refused.code == 1
    assert refused.err.startswith("✗ The draft cannot be relied on")
    assert desk.propose("d").code == 0
    assert "乙" in desk.review("d").out


def test_dropped_signatures_are_told_by_name(desk: Desk) -> None:
    desk.propose("d", "--agreement", agreement(desk, title="甲"))
    desk.sign("d", 1)
    said = desk.propose("d", "--agreement", agreement(desk, title="乙"))
    assert f"Key {desk.kid(1)} (no city named) has to sign targets again" in said.err


def test_nobody_signs_without_being_asked(desk: Desk) -> None:
    desk.propose("d", "--threshold", 3)
    before = (desk.folder / "d" / "root.json").read_bytes()
    said = desk.hub("trust", "sign", desk.folder / "d", "--against", desk.trust, "--key", desk.officer(1))
    assert said.code == 2
    assert "There is nobody to ask" in said.err
    assert (desk.folder / "d" / "root.json").read_bytes() == before


@pytest.mark.parametrize(("answer", "signed"), [(b"y\n", True), (b"n\n", False)])
def test_at_a_terminal_the_officer_is_asked_after_the_review(desk: Desk, answer: bytes, signed: bool) -> None:
    desk.propose("d", "--threshold", 3)
    ours, theirs = pty.openpty()
    arguments = ("trust", "sign", "d", "--against", "trust", "--key", str(desk.officer(1)))
    environment = {**os.environ, "HUB_LANG": "en", "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        cwd=desk.folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        shown = b""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while b"Do you sign this?" not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 65536)
        assert b"3 of 3, before 2 of 3" in shown
        os.write(ours, answer)
        _drain(ours, deadline)
        assert process.wait(DEADLINE_SECONDS) == (0 if signed else 1)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    members = json.loads((desk.folder / "d" / "root.json").read_bytes())
    assert bool(members["signatures"]) is signed


def _drain(descriptor: int, deadline: float) -> None:
    """Read what is written until the other side closes."""
    while time.monotonic() < deadline:
        try:
            if select.select([descriptor], [], [], 1)[0] and not os.read(descriptor, 65536):
                return
        except OSError:
            return


def test_a_key_in_the_drafts_folder_signs_nothing(desk: Desk) -> None:
    desk.propose("d", "--threshold", 3)
    shutil.copy(desk.officer(1), desk.folder / "d" / "me.pem")
    said = desk.review("d")
    assert said.code == 1
    assert said.err.startswith("✗ A private key lies in the draft's folder")


def test_a_change_needs_the_repository_that_it_changes(desk: Desk) -> None:
    desk.propose("d", "--threshold", 3)
    said = desk.hub("trust", "review", desk.folder / "d")
    assert said.code == 2
    assert "--against" in said.err


def test_an_overtaken_draft_is_told_what_was_changed_meanwhile_and_by_whom(desk: Desk) -> None:
    desk.propose("slow", "--quorum", 0, "--renew", "targets")
    desk.propose("quick", "--agreement", agreement(desk, highest_marking="green"))
    for draft in ("slow", "quick"):
        for number in (1, 2):
            desk.sign(draft, number)
    assert desk.publish("quick").code == 0
    refused = desk.publish("slow")
    assert refused.code == 1
    assert refused.err.startswith("✗ The draft was overtaken; nothing was published")
    assert "highest marking changes from amber" in refused.err
    assert "targets version 2 was signed by" in refused.err
    assert desk.kid(1) in refused.err
    assert desk.kid(3) not in refused.err
    assert desk.hub("trust", "show", desk.trust, "--json").json["targets"]["agreements.json"]["version"] == 2
    assert "cannot be gone on with" in desk.propose("slow").err


def test_a_new_repository_asks_for_its_threshold(desk: Desk) -> None:
    said = desk.hub("trust", "propose", desk.folder / "none", "--out", desk.folder / "d")
    assert said.code == 2
    assert "--threshold" in said.err


def test_programs_get_the_review_whole(desk: Desk) -> None:
    desk.propose("d", "--agreement", agreement(desk, retention_days=10))
    desk.sign("d", 2)
    review = desk.review("d", "--json").json
    (change,) = [each for each in review["changes"] if each["where"].endswith("/retention_days")]
    assert (change["before"], change["after"]) == (365, 10)
    assert "days kept changes from 365 to 10" in change["said"]
    (standing,) = review["signatures"]
    assert [each["kid"] for each in standing["signed"]] == [desk.kid(2)]
    assert (standing["needed"], standing["met"], review["ready"]) == (2, False, False)
    assert review["roles"][0]["digest"]


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a document that holds no others, and every list and object beside."""
    if isinstance(value, dict | list) and value:
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*place, step))
        if isinstance(value, list):
            yield place, value
    else:
        yield place, value


def other(member: Any, value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, int):
        return value + 1
    if member in ("not_before", "not_after", "revoked_at", "valid_from", "valid_until"):
        return "2031-01-01T00:00:00+08:00"
    if member == "highest_marking":
        return "red"
    return "another" if value is None else f"{value}9"


def put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    for step in place[:-1]:
        document = document[step]
    document[place[-1]] = value


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", ["trust_list", "agreements", "signers"])
def test_no_member_of_a_document_changes_in_silence(hub: Hub, paper: Paper, name: str, lang: str) -> None:
    hub("--version", lang=lang)
    base = read_in_force(paper.repository)
    assert base is not None
    told: dict[tuple[str, ...], tuple[Any, ...]] = {}
    count = 0
    for place, held in leaves(getattr(base.documents, name)):
        if place == ("version",):
            continue
        after: Documents = base.documents.copy()
        put(getattr(after, name), place, other(place[-1], held))
        draft = Draft(paper.folder, Begun.of(base), after, None, None)
        changes = compare_documents(base.documents, after)
        said = tuple(sentence(change, Names(base, draft)) for change in changes)
        assert said, place
        assert all(said), place
        assert said not in told, f"{place} is told as {told.get(said)} is"
        told[said] = place
        count += 1
    assert count > 8


@pytest.mark.parametrize("file", ["root.json", "targets.json"])
def test_no_member_of_a_role_changes_in_silence(desk: Desk, file: str) -> None:
    """Whoever alters a role, and the readable document with it, is refused or told on."""
    desk.propose("d", "--threshold", 3, "--agreement", agreement(desk, title="甲"))
    folder = desk.folder / "d"
    plain = desk.review("d", "--json").json
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    refused = told = 0
    signed = json.loads((folder / file).read_bytes())["signed"]
    changes = [(place, other(place[-1], held)) for place, held in leaves(signed)]
    changes += [(("expires",), "2031-01-01T00:00:00Z"), (("spec_version",), "1.0.30")]
    changes += [(("roles", role, "threshold"), 2) for role in signed.get("roles", ())]
    for key_id in signed.get("keys", ()):
        changes.append((("keys", key_id, "x-hub-city"), SENDER))
    for place, value in changes:
        members = json.loads((folder / file).read_bytes())
        put(members["signed"], place, value)
        (folder / file).write_text(json.dumps(members), encoding="utf-8")
        if file == "root.json":
            _agree(folder)
        review = desk.review("d", "--json")
        if review.code:
            refused += 1
        else:
            assert (
                review.json["changes"] != plain["changes"] or review.json["thresholds"] != plain["thresholds"]
            ), place
            told += 1
        for path, content in whole.items():
            path.write_bytes(content)
    assert refused
    assert told >= 2


def _agree(folder: Path) -> None:
    """Make the readable document say what an altered root says, where it can be said."""
    try:
        signers = signers_of(read_root(folder / "root.json").signed)
    except Problem:
        return
    (folder / "signers.json").write_text(json.dumps(copy.deepcopy(signers)), encoding="utf-8")
