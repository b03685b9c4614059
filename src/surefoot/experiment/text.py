"""Tried fixes as lines: what each did to the loss."""

from __future__ import annotations

from surefoot.experiment.records import Attempt, Losses, TriedFixes
from surefoot.records import Finding
from surefoot.report.numbers import number

_WIDEST = 44


def text(found: TriedFixes) -> str:
    """The experiment for reading."""
    wrong = [each for each in found.findings if each.severity != "information"]
    if not wrong:
        return (
            f"surefoot: {found.verdict.said}; nothing was found in {found.steps} steps, so nothing was tried"
        )
    if not found.alone:
        lines = [f"surefoot: {found.verdict.said}; no fix could be tried"]
        return "\n".join([*lines, *_untried(found)])
    rows = _rows(found)
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    widths[0] = min(widths[0], _WIDEST)
    shown = [
        "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, [*widths, 0], strict=True))
        for row in rows
    ]
    count = f"{found.tried} fix{'es' if found.tried > 1 else ''} tried"
    head = f"surefoot: {found.verdict.said}; {count}, {number(found.steps)} steps each, same seed"
    note = [f"  ({found.note})"] if found.note else []
    return "\n".join([head, *(line.rstrip() for line in shown), *note, *_untried(found), *_last(found)])


def _rows(found: TriedFixes) -> list[tuple[str, str, str, str]]:
    rows = [("as it is", *_cells(found.losses), _named(found))]
    for place, each in enumerate(found.together):
        sign = "+ " if place else ""
        rows.append((f"{sign}{each.fixes[-1].said}", *_cells(each.losses), _effect(each, found)))
    shown = {each.fixes for each in found.together}
    for each in found.alone:
        if each.fixes not in shown:
            rows.append((each.fixes[-1].said, *_cells(each.losses), _effect(each, found)))
    return rows


def _named(found: TriedFixes) -> str:
    main: Finding = found.findings[0]
    return main.code


def _cells(losses: Losses) -> tuple[str, str]:
    if losses.start is None or losses.end is None:
        return "no loss seen", ""
    validation = "" if losses.validation is None else f"validation {number(losses.validation)}"
    return f"loss {number(losses.start)} -> {number(losses.end)}", validation


def _effect(each: Attempt, found: TriedFixes) -> str:
    if each.word == "failed":
        return f"failed: {each.why}"
    if each.word in ("no help", "worse"):
        return f"{each.word} by itself" if each.word == "no help" else "worse"
    more = ", loss about the same" if each.word == "mends" else ""
    more += f" ({each.seeds} seeds)" if each.seeds > 1 else ""
    if each.healthy:
        return f"healthy{more}"
    chosen = each in found.together
    said = f"{', '.join(each.gone)} gone" if each.gone else "helps"
    return f"{said}{'' if chosen else ', by itself'}{more}"


def _untried(found: TriedFixes) -> list[str]:
    return [f"  not tried: {each.code}: {each.reason}. {each.fix}" for each in found.untried]


def _last(found: TriedFixes) -> list[str]:
    if found.best is None:
        return ["  nothing that was tried helps"]
    where = dict.fromkeys(fix.where for fix in found.best.fixes if fix.where)
    return [f"  where: {place}" for place in where]
