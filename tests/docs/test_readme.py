"""The README's examples, run as they stand, and every `hub` command that the documents show."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pages import PAGES, ROOT, fenced, marked, named, prose, read

from hub.cli import cli
from hub.clock import utc_now
from hub.lab.building import build, free_port
from hub.lab.running import RunningLab
from hub.web.documents import EXAMPLE

READMES = ("README.md", "README.zh.md")
COMMAND = re.compile(r"`hub ((?:[a-z]+|--)[^`]*)`")
OPENSSL_THAT_SIGNS = 3


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The laboratory that `hub lab start --dir lab` makes, running."""
    folder = tmp_path_factory.mktemp("readme") / "lab"
    with RunningLab(folder, build(folder, ("610800", "150600", "141100"), 1, None, utc_now())):
        yield folder


@pytest.fixture
def shell(laboratory: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with the running laboratory as `lab`, and an environment that has `hub`."""
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    (tmp_path / "lab").symlink_to(laboratory, target_is_directory=True)
    program = tmp_path / "bin" / "hub"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hub "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return tmp_path, {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HUB_LANG": "en"}


def _run(script: str, shell: tuple[Path, dict[str, str]]) -> str:
    folder, environment = shell
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("name", READMES)
def test_the_first_five_minutes_work_as_shown(name: str, shell: tuple[Path, dict[str, str]]) -> None:
    steps = [marked(ROOT / name, "sh", f"example={step}") for step in ("cli", "audit", "follow")]
    said = _run("\n".join(steps), shell)
    assert "Verified." in said
    assert "Acknowledged" in said
    assert (shell[0] / "draft.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")


@pytest.mark.parametrize("name", READMES)
def test_a_fourth_city_joins_as_shown(name: str, shell: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, environment = shell
    (folder / "lab").unlink()
    lab = build(folder / "lab", ("610800", "150600", "141100"), 3, None, utc_now())
    port = str(free_port())
    steps = {
        step: marked(ROOT / name, "sh", f"example={step}").replace("18600", port)
        for step in ("cli", "newcomer", "admit", "start-newcomer", "joined")
    }
    with RunningLab(folder / "lab", lab):
        _run("\n".join(steps[step] for step in ("cli", "newcomer", "admit")), shell)
        program, *arguments = shlex.split(steps["start-newcomer"])
        with (tmp_path / "newcomer.log").open("wb") as said:
            newcomer = subprocess.Popen(
                [str(tmp_path / "bin" / program), *arguments],
                cwd=folder,
                env=environment,
                stdout=said,
                stderr=said,
            )
        try:
            _wait_in_order(shell, 3)
            told = _run(steps["joined"], shell)
        finally:
            newcomer.terminate()
            newcomer.wait(30)
    assert "Acknowledged" in told
    assert len(list((folder / "yanan" / "inbox").glob("*.jws"))) == 1


def _wait_in_order(shell: tuple[Path, dict[str, str]], peers: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        said = _run("hub peers --config yanan/hub.toml --json", shell)
        if [each["state"] for each in json.loads(said)["peers"]] == ["in-order"] * peers:
            return
        assert time.monotonic() < deadline, said
        time.sleep(0.5)


@pytest.mark.parametrize("name", READMES)
def test_the_same_works_with_curl_and_openssl_alone(name: str, shell: tuple[Path, dict[str, str]]) -> None:
    for program in ("curl", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[1].split(".")[0]) < OPENSSL_THAT_SIGNS:
        pytest.skip("OpenSSL before 3 has no pkeyutl -rawin for Ed25519")
    said = _run(marked(ROOT / name, "sh", "example=curl"), shell)
    assert '"status":"accepted"' in said
    assert '"items":[{' in said
    checked = _run("hub verify record.jws receipt.tlog-proof --trust lab/trust", shell)
    assert "Verified." in checked


@pytest.mark.parametrize("name", READMES)
def test_the_example_without_our_code_is_the_one_that_nodes_show(name: str) -> None:
    assert marked(ROOT / name, "sh", "example=curl").endswith(EXAMPLE)


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = (
        [text for info, text in fenced(read(ROOT / name), "sh") if info.startswith("example=")]
        for name in READMES
    )
    assert english == chinese


def _shown(page: Path) -> list[list[str]]:
    text = read(page)
    lines = [line for _, block in fenced(text, "sh") for line in block.splitlines()]
    commands = [line.strip().removeprefix("hub ") for line in lines if line.startswith("hub ")]
    commands += [found[1] for found in COMMAND.finditer(prose(text))]
    return [shlex.split(command.replace("…", "")) for command in commands]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_option_that_a_page_shows_is_there(page: Path) -> None:
    for words in _shown(page):
        command: click.Command = cli
        context = click.Context(cli)
        rest = list(words)
        while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
            found = command.get_command(context, rest[0])
            assert found is not None, f"{named(page)} shows `hub {' '.join(words)}`"
            command, context = found, click.Context(found, parent=context)
            rest = rest[1:]
        known = {name for parameter in command.get_params(context) for name in parameter.opts}
        known |= {name for parameter in cli.params for name in parameter.opts} | {"--help"}
        for word in rest:
            if word.startswith("--"):
                option = word.partition("=")[0].rstrip(",")
                assert option in known, f"{named(page)} shows `hub {' '.join(words)}`"
