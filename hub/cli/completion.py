"""`hub completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from hub.cli.words import argument, command
from hub.errors import Code, Problem
from hub.translation import mark

SHELLS = ("bash", "zsh", "fish")


@command(
    help=mark(
        "Print the completion script of a shell."
        "\n\nFor bash: hub completion bash > ~/.local/share/bash-completion/completions/hub"
    )
)
@argument("shell", type=click.Choice(SHELLS), help=mark("The shell."))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    made = get_completion_class(shell)
    if made is None:
        raise Problem(Code.NOT_FOUND, f"there is no completion for {shell}")
    root = context.find_root().command
    click.echo(made(root, {}, "hub", "_HUB_COMPLETE").source())
