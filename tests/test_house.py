"""The house's order as tests: floors, docstrings, sizes, and the one place that reads the clock."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hub", "adapters", "schemas", "keys")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if not path.is_relative_to(ROOT / "hub" / "store" / "migrations" / "versions")
)
LONGEST = 450
LINTED = str(ROOT / "setup.cfg")
CLOCK = ROOT / "hub" / "clock.py"
CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_imports_go_down_only() -> None:
    # In a process of its own: pytest puts folders of tests on the path, and one of them is named as a package is.
    call = f"lint_imports({LINTED!r}, no_cache=True)"
    program = f"import sys; from importlinter.cli import lint_imports; sys.exit({call})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_of_the_hub_stands_on_a_floor() -> None:
    """A new room without a floor would be bound by nothing."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    floors = set(re.findall(r"[\w.]+", config["importlinter:contract:floors"]["layers"]))
    rooms = {
        f"hub.{path.stem}"
        for path in (ROOT / "hub").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"hub.__init__"} <= floors


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(tree(path)), "a module opens with its rules"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_file_is_longer_than_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST, "split it along a noun"


@pytest.mark.parametrize("path", [path for path in MODULES if path != CLOCK], ids=named)
def test_the_clock_is_read_in_one_place(path: Path) -> None:
    read = [
        f"line {node.lineno}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr, node.attr) in CLOCKS
    ]
    assert read == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_are_named_after_nouns_of_the_field(path: Path) -> None:
    assert not re.search(r"util|helper|manager|common|misc", path.stem)
