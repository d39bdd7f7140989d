"""The Go program, built once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hub.log.note import VerifierKey
from hub.log.tile import encode_bundle

GOPATH = Path("/usr/share/gocode")
SUMDB = GOPATH / "src/golang.org/x/mod/sumdb/tlog"
SOURCE = Path(__file__).parent / "logcheck/main.go"

Judged = subprocess.CompletedProcess[str]
GoJudge = Callable[..., Judged]
"""Judges a note, by the log's key, over entries; then the keys of the witnesses that must have cosigned it."""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go on this machine")
    if not SUMDB.is_dir():
        pytest.skip("Debian's golang-golang-x-mod-dev is not installed")
    folder = tmp_path_factory.mktemp("go")
    built = folder / "logcheck"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run([go, "build", "-o", str(built), str(SOURCE)], env=environment, check=True, cwd=folder)
    return built


@pytest.fixture
def go_judge(program: Path, tmp_path: Path) -> GoJudge:
    def run(note: str, log: VerifierKey, lines: Sequence[bytes], *witnesses: VerifierKey) -> Judged:
        (tmp_path / "checkpoint").write_text(note)
        (tmp_path / "entries").write_bytes(encode_bundle(lines))
        files = (str(tmp_path / "checkpoint"), str(log), str(tmp_path / "entries"))
        return subprocess.run(
            [str(program), *files, *map(str, witnesses)], capture_output=True, text=True, check=False
        )

    return run
