"""docs/trust.md: the whole ceremony by hand, three of five, from the page alone."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, fenced, marked, prose, read

from hub.clock import utc_now
from keys.files import read_passphrase, read_signing
from keys.trust_repository import open_trust

ENGLISH, CHINESE = ROOT / "docs" / "trust.md", ROOT / "docs" / "zh" / "trust.md"
STEPS = ("keys", "members", "first", "sign", "mail", "publish", "join", "rotate", "agreement")
AFTERWARDS = ("revoke", "remove", "renew")
YULIN, ORDOS, QINGYANG = "610800", "150600", "621000"


@pytest.fixture
def office(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder that stands for all offices, and an environment that has `hub`."""
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    program = tmp_path / "bin" / "hub"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hub "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    work = tmp_path / "work"
    work.mkdir()
    return work, {**environment, "PATH": path, "PYTHONPATH": str(ROOT), "HUB_LANG": "en"}


def _run(steps: tuple[str, ...], office: tuple[Path, dict[str, str]]) -> str:
    folder, environment = office
    script = "\n".join(marked(ENGLISH, "sh", f"example={step}") for step in steps)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_whole_ceremony_is_done_from_the_page_alone(office: tuple[Path, dict[str, str]]) -> None:
    folder, environment = office
    state = folder.parent / "state"
    said = _run(STEPS, office)
    assert "Signatures for root: 3 of 5\n" in said
    assert "New city 621000 Qingyang" in said
    before = open_trust(folder / "trust", state, utc_now())
    assert set(before.cities) == {YULIN, ORDOS, "141100", "140900", "610600", QINGYANG}
    assert len([key for key in before.cities[YULIN].keys if key.use == "sign"]) == 2
    assert before.agreements["border-2026"].highest_marking == "green"
    said = _run(AFTERWARDS, office)
    assert "Signatures for root: 3 of 4, before 3 of 5" in said
    assert "Signer removed" in said
    # A node that followed all of it believes the end of it.
    after = open_trust(folder / "trust", state, utc_now())
    assert set(after.cities) == set(before.cities) - {ORDOS}
    assert "150600.exchange" not in after.nodes
    assert after.agreements["border-2026"].parties == {YULIN, "141100"}
    kept = open_trust(folder / "evidence", folder.parent / "evidence-state", utc_now())
    assert all(key.revoked_at is not None for key in kept.cities[ORDOS].keys)
    officer = read_signing(
        folder / "ordos" / "officer.pem", read_passphrase(folder / "ordos" / "passphrase", {})
    )
    shown = subprocess.run(
        ["hub", "trust", "show", "trust", "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=True,
    )
    roles = {role["role"]: role for role in json.loads(shown.stdout)["signers"]}
    assert officer.kid not in roles["root"]["keys"] + roles["targets"]["keys"]
    assert (roles["root"]["version"], roles["root"]["threshold"], len(roles["root"]["keys"])) == (3, 3, 4)
    assert "PRIVATE" not in "".join(
        path.read_text(encoding="utf-8")
        for draft in ("draft", "joining", "rotation", "revocation", "removal", "renewal", "trust")
        for path in (folder / draft).rglob("*.json")
    )


def test_no_step_of_the_page_is_left_out() -> None:
    shown = [info.removeprefix("example=") for info, _ in fenced(read(ENGLISH), "sh")]
    assert tuple(shown) == STEPS + AFTERWARDS


def test_both_languages_have_the_same_commands_and_parts() -> None:
    assert fenced(read(ENGLISH), "sh") == fenced(read(CHINESE), "sh")
    levels = [
        [line.split(" ")[0] for line in prose(read(page)).splitlines() if line.startswith("#")]
        for page in (ENGLISH, CHINESE)
    ]
    assert levels[0] == levels[1]
