"""docs/operations.md: its hub.toml is read, and the metrics that it names are there, all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pages import ROOT, fenced, read

from hub.config import read_config
from hub.web import metrics

OPERATIONS = (ROOT / "docs" / "operations.md", ROOT / "docs" / "zh" / "operations.md")


@pytest.mark.parametrize("page", OPERATIONS, ids=("en", "zh"))
def test_the_configuration_shown_is_read_and_states_the_defaults(page: Path, tmp_path: Path) -> None:
    shown = fenced(read(page), "toml")[0][1]
    (tmp_path / "hub.toml").write_text(shown, encoding="utf-8")
    whole = read_config(tmp_path / "hub.toml")
    required = tomllib.loads(shown)
    least = {name: required[name] for name in ("name", "url", "listen")}
    lines = [f'{name} = "{value}"' for name, value in least.items()]
    lines += ["[keys]", *(f'{name} = "{value}"' for name, value in required["keys"].items())]
    (tmp_path / "hub.toml").write_text("\n".join(lines), encoding="utf-8")
    assert read_config(tmp_path / "hub.toml") == whole


@pytest.mark.parametrize("page", OPERATIONS, ids=("en", "zh"))
def test_every_metric_is_explained(page: Path) -> None:
    rows = re.findall(r"^\| `(hub_[a-z_]+)", read(page), re.M)
    kept = {
        value._name + ("_total" if value._type == "counter" else "")
        for value in vars(metrics).values()
        if hasattr(value, "_type") and hasattr(value, "_name")
    }
    assert set(rows) == kept
