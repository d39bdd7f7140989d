"""aics-witness, an outside implementation of C2SP tlog-witness in a Python of its own: found, started, asked.

It is never installed from here. `AICS_WITNESS_PYTHON` names an interpreter (3.12 or newer) that has it; else one is
looked for on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
from waiting import until

VARIABLE = "AICS_WITNESS_PYTHON"
REASON = f"no Python with aics-witness was found; {VARIABLE} may name one (3.12 or newer)"
SECONDS = 60

FEEDER = """
import json, sys
from aics_tlog import Checkpoint, MerkleTree, sign_checkpoint
from aics_witness.feeder import FeederError, WitnessClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

asked = json.load(sys.stdin)
key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(asked["seed"]))
told = []
for url, trees in asked["submissions"]:
    with WitnessClient(url, asked["witness"], max_attempts=1) as client:
        for size, words in trees:
            tree = MerkleTree([f"{words} {n}".encode() for n in range(size)])
            checkpoint = Checkpoint(asked["origin"], size, tree.root())
            note = sign_checkpoint(checkpoint, key, asked["origin"]).serialise()
            try:
                told.append([note, client.submit(note, tree.consistency_proof)])
            except FeederError as error:
                told.append([note, type(error).__name__])
print(json.dumps(told))
"""
"""A log of theirs: trees of so many leaves in such words, each cosigned by the witness at an address."""


@cache
def interpreter() -> str | None:
    """A Python that has aics-witness: the one that the environment names, else the first on the path."""
    return next((python for python in _candidates() if _has_it(python)), None)


def _candidates() -> Iterator[str]:
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    script = shutil.which("aics-witness")
    if script is not None:
        yield str(Path(script).resolve().with_name("python"))
    for minor in (12, 13, 14):
        found = shutil.which(f"python3.{minor}")
        if found is not None:
            yield found


def _has_it(python: str) -> bool:
    command = [python, "-c", "import aics_witness, aics_tlog"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def feed(**asked: Any) -> list[list[str]]:
    """Have their feeder submit checkpoints; note and answer of each, the answer being lines or an error's name."""
    python = interpreter()
    assert python is not None
    done = subprocess.run(
        [python, "-c", FEEDER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    told: list[list[str]] = json.loads(done.stdout)
    return told


@dataclass
class Outsider:
    """Their witness in a folder, on a port; its key once it is made."""

    home: Path
    port: int
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make(self, name: str) -> None:
        """Make its configuration, key and database."""
        listen = ("--listen", f"127.0.0.1:{self.port}", "--prefix", "/witness")
        self.key = self.run("init", "--name", name, *listen)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            self._command(*arguments), capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> subprocess.Popen[bytes]:
        """Begin to serve; it answers on return. Whoever started it ends it."""
        with (self.home / "output").open("wb") as output:
            process = subprocess.Popen(self._command("serve"), stdout=output, stderr=output)
        try:
            until(lambda: process.poll() is not None or self._answers())
        except BaseException:
            process.kill()
            process.wait()
            raise
        assert process.poll() is None, (self.home / "output").read_text()
        return process

    def _command(self, name: str, *arguments: str) -> list[str]:
        python = interpreter()
        assert python is not None
        config = ("--config", str(self.home / "witness.json"))
        return [python, "-m", "aics_witness", name, *config, *arguments]

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        return False
