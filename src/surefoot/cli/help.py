"""How `--help` prints: Typer's plain form, the commands in sections, each with its whole sentence.

Typer's other form, by Rich, fills every line up to the terminal's width, in a pipe as well, and adds Python's types.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command whose arguments are shown as they are named."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What the usage line consists of."""
        arguments = [_shown(each) for each in self.params if each.param_type_name == "argument"]
        return [self.options_metavar or "", *arguments]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments and options, each with what it takes."""
        records = [(each, each.get_help_record(ctx)) for each in self.get_params(ctx)]
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter, record in records:
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                rows["Arguments"].append((_shown(parameter), record[1]))
            else:
                rows["Options"].append(record)
        for title, listed in rows.items():
            if listed:
                with formatter.section(title):
                    formatter.write_dl(listed)


class Group(TyperGroup):
    """All commands, in the sections that they name as their panel."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each command with its sentence."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None)
            section = panel if isinstance(panel, str) else "Commands"
            sections.setdefault(section, []).append((name, " ".join((command.help or "").split())))
        longest = max(len(name) for name in self.commands)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(longest), sentence) for name, sentence in rows])


def _shown(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"
