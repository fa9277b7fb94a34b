"""Every verb of the command line with its options, as typer knows them."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from generated_pages.markdown import escaped, literal, table
from phenovae.cli.main import app


def verbs_page() -> str:
    """The options before the verb, then a section for each verb in the order of the data's way."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("the command line has no verbs")
    context = typer.Context(group, info_name="phenovae")
    parts = ["## Before the verb\n", _options(group, context)]
    for name, command in group.commands.items():
        if isinstance(command, TyperCommand) and not command.hidden:
            parts.append(_verb(name, command, context))
    return "\n".join(parts)


def _verb(name: str, command: TyperCommand, above: typer.Context) -> str:
    context = typer.Context(command, info_name=name, parent=above)
    arguments = [_name(each) for each in command.params if isinstance(each, TyperArgument)]
    usage = " ".join(["[OPTIONS]", *arguments])
    told, examples = _split(command.help or "")
    parts = [f"## `{name}`\n", f"```text\nphenovae {name} {usage}\n```\n"]
    parts += [f"{escaped(paragraph)}\n" for paragraph in told]
    if examples:
        parts.append("```sh\n" + "\n".join(examples) + "\n```\n")
    return "\n".join([*parts, _options(command, context)])


def _split(told: str) -> tuple[Sequence[str], Sequence[str]]:
    """The paragraphs of a help text, and the commands of its examples."""
    paragraphs = [" ".join(each.split()) for each in told.split("\n\n")]
    words, commands = [], []
    for paragraph in paragraphs:
        lead, mark, rest = paragraph.partition("Example")
        if not mark or ": phenovae" not in rest:
            words.append(paragraph)
            continue
        if lead.strip():
            words.append(lead.strip())
        for each in rest.partition(": ")[2].split(" or: "):
            command, _, remark = each.partition("    ")
            commands.append(command + (f"  # {remark.strip()}" if remark else ""))
    return words, commands


def _options(command: TyperCommand | TyperGroup, context: typer.Context) -> str:
    rows = []
    for each in command.params:
        if isinstance(each, TyperArgument):
            rows.append((literal(_name(each)), "", escaped(each.help or "")))
        elif isinstance(each, TyperOption) and (record := each.get_help_record(context)):
            rows.append((literal(record[0]), _default(each), escaped(each.help or "")))
    return table(("option", "default", "meaning"), rows) if rows else ""


def _name(argument: TyperArgument) -> str:
    return argument.metavar or (argument.name or "").upper()


def _default(option: TyperOption) -> str:
    if option.required:
        return "must be given"
    default = option.default
    if default is None or callable(default) or default in (False, "", ()):
        return ""
    if default is True:
        return literal(option.opts[0])
    if isinstance(default, list | tuple):
        return literal(" ".join(str(each) for each in default))
    return literal(str(default))
