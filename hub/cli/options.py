"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from hub.cli.faults import Situation, facing
from hub.cli.words import option
from hub.errors import Code, Problem
from hub.translation import _, language, mark
from schemas import divisions

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
FILE: Final = click.Path(path_type=Path, dir_okay=False)
"""A file to write."""
PRESENT_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
"""A file to read; a name that nothing has is a mistake of the command line."""
CONFIG: Final = "hub.toml"
FOLDER: Final = click.Path(path_type=Path, file_okay=False)
PRESENT_FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False)


def parts(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """The parts of an option that is a list written with commas, Chinese ones too."""
    return tuple(
        part.strip() for part in (value or "").replace("\N{FULLWIDTH COMMA}", ",").split(",") if part.strip()
    )


def partner(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A partner city's code. Raises: BadParameter, with those that there are."""
    if value is not None:
        _check_partner(value)
    return value


def partners(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Partner cities' codes, with commas between them. Raises: BadParameter as `partner`."""
    found = parts(context, parameter, value)
    for code in found:
        _check_partner(code)
    return found


def _check_partner(code: str) -> None:
    if not divisions.is_city(code):
        known = " ".join(
            f"{city.code} {divisions.name(city.code, language())}" for city in divisions.CITIES.values()
        )
        raise click.BadParameter(
            _("{code} is no partner city; there are: {known}").format(code=code, known=known)
        )


def config_option(what: str) -> Callable[[Decorated], Decorated]:
    """`--config FILE`, or `HUB_CONFIG`, or the one that lies here; `what` it is of, to be told in `--help`.

    That it is not there is found out where it is read: the options of a group are looked at for `--help`, too.
    """
    return option("--config", type=FILE, default=CONFIG, show_default=True, envvar="HUB_CONFIG", help=what)


node_config = config_option(mark("Configuration of the node (else HUB_CONFIG)."))
passphrase_option = option(
    "--passphrase-file", type=PRESENT_FILE, help=mark("File that holds the passphrase (else HUB_PASSPHRASE).")
)


def profile_option(*, required: bool = True) -> Callable[[Decorated], Decorated]:
    """`--as PROFILE`, or `HUB_PROFILE`."""
    return option(
        "--as",
        "profile",
        type=PRESENT_FILE,
        metavar="PROFILE",
        envvar="HUB_PROFILE",
        required=required,
        help=mark("Profile of the client to act as (else HUB_PROFILE)."),
    )


def read_bytes(path: Path, limit: int) -> bytes:
    """A file of at most `limit` bytes, `-` for standard input. Raises: Problem `not-found`, `too-large`."""
    with facing(Situation.FILE):
        try:
            with click.open_file(str(path), "rb") as file:
                content: bytes = file.read(limit + 1)
        except FileNotFoundError:
            raise Problem(Code.NOT_FOUND, f"{path}: there is no such file") from None
        except OSError as error:
            raise Problem(Code.NOT_FOUND, f"{path} cannot be read: {error.strerror}") from error
        if len(content) > limit:
            raise Problem(Code.TOO_LARGE, f"{path}: at most {limit} bytes are read")
        return content


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file as a whole, so that a kill leaves the old one or the new one."""
    draft = path.with_name(f".{path.name}.new")
    with facing(Situation.WRITING):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise Problem(Code.NOT_ALLOWED, f"{path} cannot be written: {error.strerror}") from error
