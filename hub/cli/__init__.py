"""`hub`: argv in, verbs called, tables out.

Each noun is a module of its own, loaded when one of its commands runs. What a command refuses is a `Problem`,
shown here, in one place, with exit code 1; a wrong use of the command line is Click's, with exit code 2. Whatever
else goes wrong is one line; `--debug` shows where.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback

import click

import hub
from hub import translation
from hub.cli.output import Output
from hub.cli.words import Context, Group, option
from hub.errors import Problem
from hub.translation import _, mark


def _speak(_context: click.Context, _parameter: click.Parameter, asked: str | None) -> None:
    translation.use(translation.choose(asked, os.environ))


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"hub {hub.__version__}")
        context.exit()


class _Root(Group):
    """The whole command: where refusals end."""

    def invoke(self, ctx: click.Context) -> object:
        output = ctx.ensure_object(Output)
        try:
            result: object = super().invoke(ctx)
            return result
        except Problem as problem:
            output.problem(problem)
        except click.UsageError as error:
            if not output.as_json:
                raise
            output.json({"problem": {"type": "about:blank", "title": error.format_message()}})
            raise click.exceptions.Exit(error.exit_code) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            self._explain(output, error)
        except Exception as error:
            self._explain(output, error)
        raise click.exceptions.Exit(1)

    @staticmethod
    def _explain(output: Output, error: Exception) -> None:
        if output.debug:
            traceback.print_exc()
            return
        said = _("Unexpected: {error}. Run the same with `hub --debug …` to see where.").format(
            error=f"{type(error).__name__}: {error}"
        )
        if output.as_json:
            output.json({"problem": {"type": "about:blank", "title": said}})
        else:
            click.echo(said, err=True)


@click.group(
    cls=_Root,
    name="hub",
    help=mark(
        "Exchange signed cases, warnings and plans between cities, and prove it."
        "\n\nNew here? `hub lab demo` starts a laboratory with sample data."
    ),
    lazy={
        "init": ("hub.cli.node:init", mark("Make a node's folder: configuration and keys")),
        "run": ("hub.cli.node:run", mark("Run a node until a signal ends it")),
        "serve": ("hub.cli.node:serve", mark("Serve a node's web alone")),
        "jobs": ("hub.cli.node:jobs", mark("Do what the clock asks of a node and of offices")),
        "status": ("hub.cli.status:status", mark("Say whether a node can do its work")),
        "push": ("hub.cli.push:push", mark("Send records to a node")),
        "pull": ("hub.cli.pull:pull", mark("Fetch what has come for you, verified")),
        "sync": ("hub.cli.peers:sync", mark("Fetch from peers what is new, now")),
        "peers": ("hub.cli.peers:peers", mark("Say how far the other nodes are known, and what is wrong")),
        "alerts": ("hub.cli.alerts:alerts", mark("List alerts whose acknowledgement is awaited or overdue")),
        "recover": (
            "hub.cli.recover:recover",
            mark("Bring a node back that was restored from an old backup"),
        ),
        "log": ("hub.cli.log:log", mark("Copy this node's log to another place")),
        "city": ("hub.cli.city:city", mark("Move a city to another node; say which cities this one hosts")),
        "bundle": ("hub.cli.bundle:bundle", mark("Carry records in files where no network reaches")),
        "evidence": ("hub.cli.peers:evidence", mark("Show and check what speaks against a log")),
        "receipt": ("hub.cli.pull:receipt", mark("Fetch the receipt of a record")),
        "delivery": ("hub.cli.pull:delivery", mark("Say how far a record got with each recipient")),
        "verify": ("hub.cli.verify:verify", mark("Check a record with its receipt, or a whole log")),
        "inspect": ("hub.cli.inspect:inspect", mark("Show what a file says, without verifying it")),
        "keys": ("hub.cli.keys:keys", mark("Make, show and replace keys")),
        "trust": ("hub.cli.trust:trust", mark("Make, show and check a trust repository")),
        "adapt": ("hub.cli.adapt:adapt", mark("Turn other systems' exports into records")),
        "quarantine": ("hub.cli.quarantine:quarantine", mark("Mend rows of exports that were not sent")),
        "lab": ("hub.cli.lab:lab", mark("Run a laboratory of nodes on this machine")),
        "completion": ("hub.cli.completion:completion", mark("Print the completion script of a shell")),
    },
)
@option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    is_eager=True,
    expose_value=False,
    callback=_speak,
    help=mark("Language of what is shown; else HUB_LANG, else the locale's."),
)
@option("--debug", is_flag=True, help=mark("Show where an unexpected error came from."))
@option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help=mark("Show the version and exit."),
)
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    context.ensure_object(Output).debug = debug


def main() -> None:
    """The entry point `hub`."""
    translation.use(translation.choose(None, os.environ))
    for stream in (sys.stdout, sys.stderr):
        # Under the C locale Python would write ASCII only, and Chinese names would end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    cli(prog_name="hub")


__all__ = ["Context", "cli", "main"]
