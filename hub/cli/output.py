"""What a command shows: tables, facts, progress and refusals, for a person or, with `--json`, for a program.

1. With `--json` standard output holds one JSON document and nothing else, errors included.
2. Progress goes to standard error, and only to a terminal.
3. Values are shown as text, never as markup: what came from elsewhere cannot colour or move anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hub import sheet
from hub.answers import Refusal
from hub.cli.faults import LocalProblem
from hub.cli.words import option
from hub.errors import Problem
from hub.translation import _, language, mark
from hub.visible import visible

PIPE_COLUMNS: Final = 4000
"""How wide a table may grow where there is no screen: nothing is folded there."""

FOLDED_COLUMNS: Final = 16
"""What a wide column needs at least."""

Advance = Callable[[int, int], None]
"""Called with what is done and what there is in all; 0 in all means that nobody knows."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the member of the row, its heading (English, marked), and how its value is shown."""

    name: str
    heading: str
    show: Callable[[Any], str] = str
    wide: bool = False
    """Whether it gives way, by folding, when the screen is narrow."""
    style: Callable[[Mapping[str, Any]], str] = lambda _row: ""
    """The colour of a row's cell, on a screen."""

    @property
    def title(self) -> str:
        """The heading in the language in use; that of times names their offset, which its cells leave out."""
        heading = _(self.heading)
        if self.show is not clock:
            return heading
        return f"{heading}\uff08{sheet.OFFSET}\uff09" if language() == "zh" else f"{heading} ({sheet.OFFSET})"


@dataclass
class Output:
    """Where a command's words go."""

    as_json: bool = False
    debug: bool = False

    @property
    def console(self) -> Console:
        # Made when it is used: tests and pipes exchange the streams.
        return _console(sys.stdout)

    def table(self, name: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows as a table; as JSON `{name: [row, …]}` with all members of the rows."""
        if self.as_json:
            self.json({name: rows})
            return
        shown = [[_shown(row.get(column.name), column.show) for column in columns] for row in rows]
        if not self._fits(columns, shown):
            for row, cells in zip(rows, shown, strict=True):
                named = zip(columns, cells, strict=True)
                self._grid([(column.title, cell, column.style(row)) for column, cell in named if cell])
                self.say("")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(_text(column.title), no_wrap=not column.wide, overflow="fold")
        for row, cells in zip(rows, shown, strict=True):
            styles = [column.style(row) for column in columns]
            table.add_row(*map(_text, cells, styles))
        self._print(table)

    def _fits(self, columns: Sequence[Column], shown: Sequence[Sequence[str]]) -> bool:
        """Whether the screen has room for a table; where it has not, each row becomes a few lines."""
        needed = 0
        for place, column in enumerate(columns):
            width = max(map(cell_len, [column.title, *(cells[place] for cells in shown)]))
            needed += min(width, FOLDED_COLUMNS) if column.wide else width
        return needed + 2 * len(columns) <= self.console.width

    def facts(self, members: Mapping[str, Any], shown: Sequence[tuple[str, str]]) -> None:
        """A few named values, one a line; as JSON the `members`."""
        if self.as_json:
            self.json(members)
            return
        self.lines(shown)

    def lines(self, shown: Sequence[tuple[str, str]]) -> None:
        """Named values for a person, one a line; nothing for a program, or where there are none."""
        if not self.as_json and shown:
            self._grid([(heading, value, "") for heading, value in shown])

    def _grid(self, shown: Sequence[tuple[str, str, str]]) -> None:
        """Headings, and values in their colours."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for heading, value, style in shown:
            grid.add_row(_text(heading), _text(value, style))
        self._print(grid)

    def _print(self, table: Table) -> None:
        console = self.console
        if console.is_terminal:
            console.print(table)
            return
        with console.capture() as captured:
            console.print(table)
        # Rich fills every line up to the table's width, which a file or a program has no use for.
        click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def say(self, text: str, style: str = "") -> None:
        """A sentence for a person; nothing for a program."""
        if not self.as_json:
            self.console.print(_text(text, style), soft_wrap=True)

    def warn(self, text: str) -> None:
        """A warning, on standard error."""
        _console(sys.stderr).print(_text(text, "yellow"), soft_wrap=True)

    def json(self, document: Any) -> None:
        """One JSON document."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        click.echo(orjson.dumps(document, option=options, default=_plain).decode(), nl=False)

    def problem(self, problem: Problem) -> None:
        """A refusal: title, detail, where, next step."""
        if self.as_json:
            self.json({"problem": problem_members(problem)})
            return
        lines = [Text.assemble(("✗ ", "bold red"), (visible(problem.title(language())), "bold"))]
        if isinstance(problem, LocalProblem) and problem.faults:
            lines += [_text(fault_line(fault._asdict())) for fault in problem.faults]
        else:
            lines.append(_text(problem.detail))
            if problem.where:
                lines.append(_text(_("Where: {where}").format(where=problem.where)))
        lines.append(_text(_("Next: {step}").format(step=next_step(problem))))
        for line in lines:
            _console(sys.stderr).print(line, soft_wrap=True)

    @contextmanager
    def progress(self, text: str) -> Iterator[Advance]:
        """A bar while something long runs."""
        console = _console(sys.stderr)
        if not console.is_terminal:
            yield lambda _done, _total: None
            return
        # Loaded only where it is shown: it is slow to load.
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(escape(text), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)


pass_output = click.make_pass_decorator(Output, ensure=True)
Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """`--json`, for every command that shows values."""

    def turn_on(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            context.ensure_object(Output).as_json = True

    return option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=turn_on,
        help=mark("Print JSON for programs instead of words for people."),
    )(command)


def problem_members(problem: Problem) -> dict[str, Any]:
    """A refusal for a program: the problem object of RFC 9457 and the next step."""
    members = {**problem.to_dict(language()), "next": next_step(problem)}
    if isinstance(problem, LocalProblem) and problem.faults:
        members["faults"] = [fault._asdict() for fault in problem.faults]
    return members


def next_step(problem: Problem) -> str:
    """What to do about a refusal. Where a node says when to come again, whoever typed the command is told when."""
    if isinstance(problem, Refusal) and problem.retry_after is not None:
        return _("Do the same again in {seconds} seconds.").format(seconds=problem.retry_after)
    return problem.next_step(language())


def fault_line(fault: Mapping[str, str]) -> str:
    """One of several faults: where it is, and what is wrong there."""
    said = fault["zh"] if language() == "zh" else fault["detail"]
    return f"{fault['where']}  {said}" if fault["where"] else said


def local(moment: datetime | str | None) -> str:
    """A time as people write it here, with its offset; empty for none."""
    return "" if moment is None else sheet.local(moment)


def clock(moment: datetime | str) -> str:
    """The same without the offset, for columns whose heading names it."""
    return sheet.clock(moment)


def city_name(code: str) -> str:
    """A division's code with its name, in the language in use."""
    return sheet.city_name(code, language())


def listing(items: Iterable[str]) -> str:
    """Several things in one text, parted as the language in use does it."""
    return sheet.listing(items, language())


def city_names(codes: Iterable[str]) -> str:
    return listing(map(city_name, codes))


def tick(value: bool) -> str:
    return "✓" if value else "✗"


def _text(text: str, style: str = "") -> Text:
    """Text as it stands, whoever wrote it (rule 3)."""
    return Text(visible(text), style)


def _console(stream: Any) -> Console:
    terminal = stream.isatty()
    return Console(
        file=stream, width=None if terminal else PIPE_COLUMNS, highlight=False, markup=False, emoji=False
    )


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    return "" if value is None else show(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(type(value).__name__)
