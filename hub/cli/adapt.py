"""`hub adapt`: other systems' exports become records. Each of its commands is a module of its own."""

from __future__ import annotations

import click

from hub.cli.words import Group
from hub.translation import mark


@click.group(
    cls=Group,
    help=mark("Turn other systems' exports into records."),
    lazy={
        "check": ("hub.cli.check:check", mark("Try an export and say what must be mended in it")),
        "sample": ("hub.cli.sample:sample", mark("Write a sample export of a city")),
        "run": ("hub.cli.runs:run", mark("Read a city's exports, send what is new, write what has come")),
        "cap": ("hub.cli.cap:cap", mark("Alerts from CAP 1.2 or 1.1 files")),
    },
)
def adapt() -> None:
    pass
