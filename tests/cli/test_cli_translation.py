"""Every word that a person reads in the terminal is there in Chinese, and the compiled words are the written ones."""

from __future__ import annotations

import ast
import gettext
import io
import re
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from conftest import Hub
from rich.cells import cell_len

import hub
from hub import translation
from hub.cli import cli

PACKAGE = Path(hub.__file__).parent
CATALOGUE = translation.LOCALE / "zh_CN" / "LC_MESSAGES" / "hub.po"
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:?!]|[,;:?!][\u4e00-\u9fff]")


def chinese() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_CN")


def words_of(folder: Path) -> set[object]:
    found = extract_from_dir(
        str(folder), method_map=[("**.py", "python")], keywords={"_": None, "mark": None, "ngettext": (1, 2)}
    )
    return {message for _file, _line, message, _comments, _context in found}


def test_every_message_has_a_chinese_translation() -> None:
    written = {message.id for message in chinese() if message.id and message.string and not message.fuzzy}
    assert words_of(PACKAGE) - written == set()


def test_no_translation_is_left_over() -> None:
    known = words_of(PACKAGE) | words_of(Path(click.__file__).parent)
    assert {message.id for message in chinese() if message.id} - known == set()


def test_a_translation_has_the_places_of_its_message() -> None:
    for message in chinese():
        first = message.id if isinstance(message.id, str) else message.id[0]
        told = message.string if isinstance(message.string, str) else message.string[0]
        if isinstance(message.id, str) and first:
            assert sorted(re.findall(r"{[^}]*}", first)) == sorted(re.findall(r"{[^}]*}", told)), first


def test_chinese_has_chinese_punctuation() -> None:
    told = [message.string for message in chinese() if message.id]
    texts = [text for each in told for text in ([each] if isinstance(each, str) else each)]
    assert [text for text in texts if HALF_WIDTH.search(text)] == []


def test_the_compiled_words_are_those_that_are_written() -> None:
    made = io.BytesIO()
    write_mo(made, chinese())
    made.seek(0)
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert compiled._catalog == gettext.GNUTranslations(made)._catalog, "run: make translations"  # type: ignore[attr-defined]


def test_nothing_is_translated_inside_a_formatted_string() -> None:
    """There the extraction would not find it (before Python 3.12)."""
    for path in (PACKAGE / "cli").glob("*.py"):
        for formatted in [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.JoinedStr)]:
            for call in [n for n in ast.walk(formatted) if isinstance(n, ast.Call)]:
                constant = bool(call.args) and isinstance(call.args[0], ast.Constant)
                named = isinstance(call.func, ast.Name) and call.func.id == "_"
                assert not (constant and named), f"{path.name}:{call.lineno}"


@pytest.mark.parametrize(
    ("asked", "environment", "spoken"),
    [
        (None, {}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LANG": "POSIX"}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        (None, {"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        (None, {"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        (None, {"HUB_LANG": "zh", "LC_ALL": "C"}, "zh"),
        ("en", {"HUB_LANG": "zh", "LC_ALL": "zh_CN"}, "en"),
    ],
)
def test_the_language_is_asked_for_or_the_environments(
    asked: str | None, environment: dict[str, str], spoken: str
) -> None:
    assert translation.choose(asked, environment) == spoken


def commands(group: click.Group, name: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found: list[tuple[str, ...]] = [name]
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        found += commands(command, (*name, each)) if isinstance(command, click.Group) else [(*name, each)]
    return found


@pytest.mark.parametrize("command", commands(cli), ids=" ".join)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_help_is_there_in_both_languages_and_fits_the_screen(
    hub: Hub, command: tuple[str, ...], lang: str
) -> None:
    said = hub(*command, "--help", lang=lang)
    assert said.code == 0
    assert max(cell_len(line) for line in said.out.splitlines()) <= 80
    assert said.out.startswith("Usage:" if lang == "en" else "用法")
    chinese_lines = re.findall(r"[\u4e00-\u9fff]", said.out)
    assert bool(chinese_lines) == (lang == "zh")


def test_the_option_wins_over_the_environment(hub: Hub) -> None:
    assert "用法" in hub("--lang", "zh", "--help", lang="en").out


def test_wrong_use_is_explained_in_chinese(hub: Hub) -> None:
    said = hub("push", lang="zh")
    assert said.code == 2
    assert "缺少参数" in said.err
