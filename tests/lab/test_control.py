"""Another process asks a running lab for something: only its owner may, and no line of it ends the lab."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Code, Problem
from hub.lab import control
from hub.lab.control import CONTROL_FILE, Control, ask
from schemas import strict_json


def act(verb: str, nodes: Sequence[str], stall: bool) -> dict[str, Any]:
    if verb == "refuse":
        raise Problem(Code.CONFLICT, "it is so already")
    return {"verb": verb, "nodes": list(nodes), "stall": stall}


@contextmanager
def controlled(folder: Path) -> Iterator[dict[str, Any]]:
    """A control, and what its file says."""
    with Control(folder, act):
        held: dict[str, Any] = strict_json.loads((folder / CONTROL_FILE).read_bytes())
        yield held


def said(port: int, line: bytes) -> Any:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(line)
        return strict_json.loads(peer.makefile("rb").readline())


def test_what_is_asked_for_is_done_and_answered(tmp_path: Path) -> None:
    with controlled(tmp_path):
        assert ask(tmp_path, "cut", ("a", "b"), stall=True) == {
            "verb": "cut",
            "nodes": ["a", "b"],
            "stall": True,
        }
        assert ask(tmp_path, "state") == {"verb": "state", "nodes": [], "stall": False}


def test_what_the_lab_refuses_is_told_by_its_code(tmp_path: Path) -> None:
    with controlled(tmp_path), pytest.raises(Problem, match="it is so already") as caught:
        ask(tmp_path, "refuse")
    assert caught.value.code is Code.CONFLICT


def test_the_file_is_its_owners_alone_and_goes_with_the_lab(tmp_path: Path) -> None:
    (tmp_path / CONTROL_FILE).write_text("left by one that was killed")
    (tmp_path / CONTROL_FILE).chmod(0o644)
    with controlled(tmp_path):
        assert stat.S_IMODE((tmp_path / CONTROL_FILE).stat().st_mode) == 0o600
    assert not (tmp_path / CONTROL_FILE).exists()
    with pytest.raises(Problem) as caught:
        ask(tmp_path, "state")
    assert caught.value.code is Code.NOT_FOUND


def test_a_lab_that_was_killed_does_not_answer(tmp_path: Path) -> None:
    with controlled(tmp_path):
        left = (tmp_path / CONTROL_FILE).read_bytes()
    (tmp_path / CONTROL_FILE).write_bytes(left)
    with pytest.raises(Problem) as caught:
        ask(tmp_path, "state")
    assert caught.value.code is Code.BUSY


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"token": "guessed", "verb": "kill", "nodes": ["a"], "stall": false}\n', "not-allowed"),
        (b'{"verb": "kill", "nodes": ["a"], "stall": false}\n', "malformed"),
        (b"[]\n", "malformed"),
        (b"not json\n", "malformed"),
        (b'{"token": "' + b"x" * 70_000 + b'"}\n', "too-large"),
    ],
    ids=["another token", "no token", "no object", "no json", "endless"],
)
def test_whoever_cannot_read_the_file_is_told_so_and_the_lab_goes_on(
    tmp_path: Path, line: bytes, code: str
) -> None:
    with controlled(tmp_path) as held:
        assert said(held["port"], line)["problem"]["code"] == code
        assert ask(tmp_path, "state")["verb"] == "state"


def test_whoever_says_nothing_holds_nobody_up_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ASKING_SECONDS", 0.1)
    with controlled(tmp_path) as held, socket.create_connection(("127.0.0.1", held["port"])):
        assert ask(tmp_path, "state")["verb"] == "state"
