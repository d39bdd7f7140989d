"""`hub adapt sample`: how an export of a city looks, as a file to try things out on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from adapters.cities import DIALECTS, dialect, samples
from hub.cli.check import city
from hub.cli.faults import Situation, facing
from hub.cli.options import write_whole
from hub.cli.output import Column, Output, city_name, json_option, listing, pass_output
from hub.cli.words import argument, command, option
from hub.errors import Code, Problem
from hub.translation import _, language, mark
from schemas.labels import label

_COLUMNS: Final = (
    Column("city", mark("City"), city_name),
    Column("name", mark("Sample")),
    Column(
        "kinds",
        mark("Kinds"),
        lambda kinds: listing(label("kind", kind, language()) for kind in kinds),
        wide=True,
    ),
    Column("bytes", mark("Bytes"), lambda size: f"{size:,}"),
)


@command(
    help=mark(
        "Write a sample export of a city, invented throughout."
        "\n\nTo standard output, or with -o to a file or into a folder. `hub adapt check` finds it clean: break it "
        "and see what is said."
    )
)
@argument(
    "city", required=False, callback=city, metavar="CITY", help=mark("The city's code or Chinese name.")
)
@argument("name", required=False, metavar="[NAME]", help=mark("Sample to write; the first one if left out."))
@option("-o", "--out", metavar="FILE|DIR", help=mark("File to write, or folder for all of the samples."))
@option("--list", "show_list", is_flag=True, help=mark("List the samples that there are."))
@json_option
@pass_output
def sample(output: Output, *, city: str | None, name: str | None, out: str | None, show_list: bool) -> None:
    if show_list or (output.as_json and out is None):
        output.table(
            "samples", _COLUMNS, [row for each in ([city] if city else DIALECTS) for row in _rows(each)]
        )
        return
    if city is None:
        raise click.UsageError(_("Name a city; `hub adapt sample --list` shows those that there are."))
    with facing(Situation.CITY_FILE):
        made = samples(city)
    with facing(Situation.SAMPLE):
        if not made or (name is not None and name not in made):
            raise Problem(Code.NOT_FOUND, f"{city} has no sample {name or ''}; there are: {', '.join(made)}")
    chosen = {name: made[name]} if name is not None else made
    if out is not None and (out.endswith(("/", os.sep)) or Path(out).is_dir()):
        written = _write({Path(out) / each: content for each, content in chosen.items()})
        output.facts({"written": written}, [("", path) for path in written])
        return
    first, content = next(iter(chosen.items()))
    if out is not None:
        written = _write({Path(out): content})
        output.facts({"written": written}, [("", path) for path in written])
    else:
        _print(city, first, content)
    for other in [each for each in chosen if each != first]:
        click.echo(
            _("There is also {name}: `hub adapt sample {city} {name}`").format(name=other, city=city),
            err=True,
        )


def _rows(city: str) -> list[dict[str, Any]]:
    with facing(Situation.CITY_FILE):
        spoken, made = dialect(city), samples(city)
    kinds = {
        name: [
            table.kind
            for table in spoken.tables
            for form in spoken.forms_of(table)
            if name == f"{city if form.whole else table.title}.{form.suffix}"
        ]
        for name in made
    }
    return [
        {"city": city, "name": name, "kinds": list(dict.fromkeys(kinds[name])), "bytes": len(content)}
        for name, content in made.items()
    ]


def _write(contents: Mapping[Path, bytes]) -> list[str]:
    """Raises: Problem: `conflict` for a file that is there: it may be one that somebody works on."""
    with facing(Situation.WRITING):
        for path in contents:
            if path.exists():
                raise Problem(Code.CONFLICT, f"{path} is there already")
    for path, content in contents.items():
        write_whole(path, content)
    return [str(path) for path in contents]


def _print(city: str, name: str, content: bytes) -> None:
    """Raises: Problem: `not-allowed` for what a terminal cannot show."""
    if sys.stdout.isatty() and not _is_text(content):
        with facing(Situation.SAMPLE):
            raise Problem(
                Code.NOT_ALLOWED,
                f"{name} is not text that a terminal shows; `hub adapt sample {city} {name} -o {name}` writes it",
            )
    click.echo(content, nl=False)


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t\ufeff" for character in text)
