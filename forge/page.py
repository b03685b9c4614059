"""docs/forge.md: the tables and the misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from forge.faults import FAULTS
from forge.score import Result, Share, by, calibration, in_every_style
from forge.verify import BELOW, CRASHES, FAULT, HARMLESS, MARGIN, SOUND
from surefoot.rules.registry import all_rules

INTRODUCTION = """\
# Forge: what `surefoot check` says of made programs

`make forge` makes training scripts from parts (data, model, loss, optimizer, schedule, loop style, seed), puts one
fault into each, and scores what `surefoot check` says of them in 200 steps. The code is in `forge/`; there
`python -m forge show NAME` prints a script, `python -m forge one NAME` tries it.

What a program is, is measured without surefoot: a sound one counts if its held-out score (accuracy, or share of
variance explained) reaches what its data and model allow; a fault of numbers only if its script ends below that and at
least {margin} worse than its sound twin of the same seed; a fault of wiring is wrong by construction. Scripts that end
in an error say themselves what is wrong, and are left out.

One half of the problems, by a hash of their names, is there to choose thresholds on (`--half chosen`); the other half
is reported. `--without recurrent,lightning` leaves data sets, families of models or loop styles out while a threshold
is chosen, `--only` tries it on them. "Found at all" counts what is folded under another finding or said as
information; elsewhere only errors and warnings count. Intervals are Wilson's, 95 %.
"""


def page(results: Sequence[Result], share: str) -> str:
    """The whole page."""
    faulty = [r for r in results if r.label == FAULT]
    sound = [r for r in results if r.label == SOUND]
    reported = [r for r in faulty if r.cell.reported]
    parts = [
        INTRODUCTION.format(margin=MARGIN),
        share,
        "## In all\n",
        _halves(faulty, sound),
        _labels(results),
        f"Of faults that are the main finding in one loop style of a problem, so in all styles tried: "
        f"{in_every_style(reported)} on the reported half.\n",
        "## By kind of fault, reported half\n",
        _recalls(reported, lambda r: r.kind, "fault"),
        _without_rule(),
        "## By loop style, reported half\n",
        _recalls(reported, lambda r: r.cell.style, "loop", [r for r in sound if r.cell.reported]),
        "## By model, reported half\n",
        _recalls(reported, lambda r: r.family, "model", [r for r in sound if r.cell.reported]),
        "## By data, reported half\n",
        _recalls(reported, lambda r: r.data, "data", [r for r in sound if r.cell.reported]),
        "## Confidence\n",
        "Of the findings said at a confidence, how many name the fault (on sound programs none does); both halves.\n",
        _table(
            ("confidence", "right"), [(name, str(share)) for name, share in calibration([*faulty, *sound])]
        ),
        "## Misses, reported half\n",
        _misses(reported),
        "## False alarms, both halves\n",
        _alarms(sound),
    ]
    return "\n".join(parts)


def _halves(faulty: Sequence[Result], sound: Sequence[Result]) -> str:
    rows = []
    for name, reported in (("chosen", False), ("reported", True)):
        ill = [r for r in faulty if r.cell.reported is reported]
        well = [r for r in sound if r.cell.reported is reported]
        rows.append((name, *_counted(ill), str(Share.counted(well, lambda r: r.alarm))))
    rows.append(("both", *_counted(faulty), str(Share.counted(sound, lambda r: r.alarm))))
    return _table(("half", "main finding right", "found at all", "false alarms on sound programs"), rows)


def _labels(results: Sequence[Result]) -> str:
    counts = Counter(r.label for r in results)
    quiet = Share.counted([r for r in results if r.label == HARMLESS], lambda r: bool(r.codes))
    return (
        f"Left out: {counts[BELOW]} programs whose sound form does not reach its bar, {counts[CRASHES]} that end in an "
        f"error, {counts[HARMLESS]} whose fault does no measurable harm (something was said of {quiet}).\n"
    )


def _without_rule() -> str:
    codes = {rule.code for rule in all_rules()}
    kinds = {fault.kind for fault in FAULTS.values() if fault.expect and not codes & set(fault.expect)}
    return f"No rule has these yet: {', '.join(sorted(kinds))}.\n" if kinds else ""


def _counted(results: Sequence[Result]) -> tuple[str, str]:
    return str(Share.counted(results, lambda r: r.right)), str(Share.counted(results, lambda r: r.found))


def _recalls(
    faulty: Sequence[Result], key: Callable[[Result], str], name: str, sound: Sequence[Result] | None = None
) -> str:
    ill, well = by(faulty, key), by(sound or [], key)
    rows = []
    for group in sorted({*ill, *well}):
        row = [group, *_counted(ill.get(group, []))]
        if sound is not None:
            row.append(str(Share.counted(well.get(group, []), lambda r: r.alarm)))
        rows.append(tuple(row))
    heads = [name, "main finding right", "found at all", *(["false alarms"] if sound is not None else [])]
    return _table(tuple(heads), rows)


def _misses(reported: Sequence[Result]) -> str:
    rows = [
        (f"`{r.cell.name}`", ", ".join(r.expected), ", ".join(r.codes) or "nothing")
        for r in sorted(reported, key=lambda r: (r.cell.fault, r.cell.name))
        if not r.right
    ]
    return _table(("program", "expected", "said"), rows) if rows else "None.\n"


def _alarms(sound: Sequence[Result]) -> str:
    rows = [(f"`{r.cell.name}`", ", ".join(r.codes) or r.said.trouble[-80:]) for r in sound if r.alarm]
    return _table(("program", "said"), rows) if rows else "None.\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["-"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
