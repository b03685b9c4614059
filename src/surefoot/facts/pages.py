"""Writes docs/facts.md from the classes of facts: `python -m surefoot.facts.pages docs/facts.md`.

With `--check` it writes nothing and ends with 1 if the page is out of date.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path

from surefoot.facts import KINDS, Broadcast, Cut, Process, RateTrial, Spread, SuggestedRate

INTRODUCTION = """\
# Facts: what capture sees of a loop's structure

Generated from `surefoot/facts/`; do not edit.

A fact is a frozen dataclass of `surefoot.facts` with a `subject` (unique within its kind), the optimizer `step` of its
last change and the fields below. Facts are counters and first sightings: capture brings them up to date while the
training runs, so the same kind and subject always hold the present state. Rules read them
(`history.facts(Clearing)`); they never see tensors. None means "not seen", never "no".

*Places* are strings: `train.py:41: loss = criterion(model(x), y)`, the script's own line (relative to the working
directory) that led to the call. "Inspected" calls are the first 20 steps and then sampled ones; counts of *all* are of
every call. The store keeps a fact under its kind with its fields as JSON; names that a reader's version does not know
are dropped.
"""

METRICS = """\
## Metrics recorded by surefoot itself

At inspected steps, a `Series` each (`history.metric(name)`):

| name | meaning |
| --- | --- |
| `val_loss` | the validation loss of one evaluation pass, as the script combines it; a logged one takes its place |
| `test_loss`, `train_loss` … | the same of other splits that are evaluated, where the script names them |
| `target/mean`, `target/std`, `target/size` | of the training loss's target batch; the first 200 steps, then sampled |
| `target/classes` | distinct labels in the batch (integer targets) |
| `input/mean`, `input/std` | of the training batch |
| `output/mean`, `output/std` | of what enters the training loss |
| `output/batch_std` | deviation across the batch's examples of what enters the loss, averaged over outputs |
| `graph/nodes` | nodes in the autograd graph of the loss |

Activation layers cover every nonlinearity in the graph, functional ones too.
"""


def page() -> str:
    """The page as Markdown.

    Example:
        >>> "## Clearing" in page()
        True
    """
    parts_of_facts = (Spread, Broadcast, Cut, SuggestedRate, RateTrial, Process)
    kinds = [_section(made, f"`{made.kind}`: {made.question}.") for made in KINDS.values()]
    parts = [_section(made, "Part of other facts.") for made in parts_of_facts]
    return "\n".join([INTRODUCTION, *kinds, *parts, METRICS])


def _section(made: type, kind: str) -> str:
    first, _, described = (inspect.getdoc(made) or "").partition("\n\nArgs:\n")
    meanings = _arguments(described)
    own = [f for f in dataclasses.fields(made) if f.name not in ("subject", "step")]
    rows = [f"| `{f.name}` | {_type(str(f.type))} | {meanings[f.name]} |" for f in own]
    heading = [
        f"## {made.__name__}",
        "",
        f"{kind} {first}",
        "",
        "| field | type | meaning |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*heading, *rows, ""])


def _arguments(described: str) -> dict[str, str]:
    """Each argument's meaning out of a docstring's section."""
    joined = re.sub(r"\n {8,}", " ", described)
    found = re.findall(r"^ {4}(\w+): (.*)$", joined, flags=re.MULTILINE)
    return {name: meaning.rstrip(".").replace("|", "\\|") for name, meaning in found}


def _type(annotation: str) -> str:
    return "`" + annotation.replace(" | None", "?") + "`"


def main(arguments: list[str]) -> int:
    """Write or check the page; returns the exit code."""
    path = Path(next((a for a in arguments if not a.startswith("-")), "docs/facts.md"))
    if "--check" in arguments:
        return 0 if path.exists() and path.read_text(encoding="utf-8") == page() else 1
    path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
