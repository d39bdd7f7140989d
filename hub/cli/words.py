"""Click's commands, options and groups, in the language of the reader.

1. Help is written in English, marked with `mark`, and translated when it is shown.
2. A group loads a command's module only when that command runs, so that `hub verify` needs no database
   driver; its list of commands is made from the words in its own table.
3. Lines are wrapped by columns on the screen, of which a Chinese character takes two.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

import click
from rich.cells import cell_len

from hub.translation import _, language

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_NOT_FIRST: Final = "\uff0c\u3002\uff1b\uff1a\uff1f\uff01\u3001\uff09\u3011\u300b\u201d\u2019,.;:!?)]}"
"""Closing marks, Chinese and Latin: no line begins with one."""


class Words(click.HelpFormatter):
    """Writes help pages by screen columns."""

    def write_heading(self, heading: str) -> None:
        colon = "\N{FULLWIDTH COLON}" if language() == "zh" else ":"
        self.write(f"{'':>{self.current_indent}}{heading}{colon}\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        paragraphs = (wrapped(each, self.width - self.current_indent) for each in text.split("\n\n"))
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in paragraphs) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        first = min(max((cell_len(row[0]) for row in rows), default=0), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, meaning in rows:
            fits = cell_len(term) <= first - col_spacing
            lines = wrapped(meaning, max(self.width - first - self.current_indent, 10)) if meaning else [""]
            if not fits:
                self.write(f"{indent}{term}\n")
            for place, line in enumerate(lines):
                lead = term if place == 0 and fits else ""
                self.write(f"{indent}{lead}{' ' * (first - cell_len(lead))}{line}".rstrip() + "\n")


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns; Chinese may break anywhere but before a closing mark."""
    lines, line, used = list[str](), "", 0
    for piece in _pieces(" ".join(text.split())):
        if line and used + cell_len(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line, used = "", 0
        line += piece
        used += cell_len(piece)
    return [*lines, line.rstrip()] if line or not lines else lines


def _pieces(text: str) -> list[str]:
    """What a line may be broken between: words with the blank after them, and wide characters with their marks."""
    pieces, word = list[str](), ""
    for character in text:
        closing = character in _NOT_FIRST
        if closing and word:
            word += character
        elif closing and pieces and not pieces[-1].endswith(" "):
            pieces[-1] += character
        elif cell_len(character) > 1:
            pieces += [word] if word else []
            pieces.append(character)
            word = ""
        elif character == " ":
            pieces.append(word + " ")
            word = ""
        else:
            word += character
    return [*pieces, word] if word else pieces


class _Spoken:
    """A `help` that is translated at every reading."""

    _help: str | None = None

    @property
    def help(self) -> str | None:
        return None if self._help is None else _(self._help)

    @help.setter
    def help(self, text: str | None) -> None:
        self._help = text


class Context(click.Context):
    formatter_class = Words


class Option(_Spoken, click.Option):
    pass


class Argument(_Spoken, click.Argument):
    pass


class Command(_Spoken, click.Command):
    context_class = Context

    def get_short_help_str(self, limit: int = 45) -> str:
        return first_sentence(self.help or "")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return help_option(super().get_help_option(ctx))


class Group(_Spoken, click.Group):
    """A group. `lazy` names, for each command, where it is (`module:attribute`) and what it is for."""

    context_class = Context
    command_class = Command

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute = self._lazy[cmd_name][0].split(":")
        return cast(click.Command, getattr(importlib.import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _(meaning)) for name, (_where, meaning) in self._lazy.items()]
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str()))
        with formatter.section(_("Commands")):
            formatter.write_dl(rows)

    def get_short_help_str(self, limit: int = 45) -> str:
        return first_sentence(self.help or "")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return help_option(super().get_help_option(ctx))


def help_option(found: click.Option | None) -> click.Option | None:
    """Click's `--help`, whose words were fixed when the program began, in the language in use."""
    if found is not None:
        found.help = _("Show this message and exit.")
    return found


def first_sentence(text: str) -> str:
    """The beginning of a help text, up to its first full stop."""
    for stop in ("。", ". ", ".\n"):
        text = text.partition(stop)[0]
    return text.strip().removesuffix(".")


def command(**attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """`click.command` with translated help."""
    return click.command(cls=Command, **attributes)


def option(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """`click.option` with translated help."""
    return click.option(*names, cls=Option, **attributes)


def argument(name: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """`click.argument` with translated help."""
    return click.argument(name, cls=Argument, **attributes)
