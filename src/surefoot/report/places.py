"""Places in the user's script: which line a text points at, and what an optimizer is called there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surefoot.records import Finding, History, OptimizerInfo, Run
from surefoot.rules.places import place as place

_ASSIGNED = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*)\s*(?::[^=]+)?=[^=]")


def script_name(run: Run) -> str:
    """The script without its folders.

    Example:
        >>> script_name(Run(path="", name="", script="/home/ada/examples/digits.py"))
        'digits.py'
    """
    return re.split(r"[/\\]", run.script)[-1] or run.script


def script_line(text: str, run: Run) -> int | None:
    """Line number if `text` begins with a place in the run's own script.

    Example:
        >>> run = Run(path="", name="", script="examples/digits.py")
        >>> script_line("examples/digits.py:41: loss.backward()", run), script_line("other.py:3", run)
        (41, None)
    """
    found = place(text)
    if found is None:
        return None
    file, line = found[0].replace("\\", "/"), found[1]
    script = run.script.replace("\\", "/")
    names = {script, f"{script.replace('.', '/')}.py", f"{script.replace('.', '/')}/__main__.py"}
    same = any(file == name or file.endswith(f"/{name}") or name.endswith(f"/{file}") for name in names)
    return line if same else None


def finding_lines(finding: Finding, run: Run) -> list[int]:
    """Lines of the script that a finding names in `where` or anywhere in its evidence, in order."""
    texts = [finding.where or "", *_texts(finding.evidence)]
    lines = (script_line(text, run) for text in texts)
    return sorted({line for line in lines if line is not None})


def optimizer_labels(history: History) -> dict[int, str]:
    """What to call each optimizer: "" for the only one, else "opt_d (Adam)" its line, or "Adam 0".

    Example:
        >>> run = Run(path="", name="", script="gan.py", source="opt_d = torch.optim.Adam(d.parameters())")
        >>> made = OptimizerInfo(0, "Adam", {}, (), created="gan.py:1")
        >>> optimizer_labels(History(run, optimizers=(made, OptimizerInfo(1, "SGD", {}, ()))))
        {0: 'opt_d (Adam)', 1: 'SGD 1'}
    """
    known = {optimizer.index: optimizer for optimizer in history.optimizers}
    indices = sorted({*known, *(index for _, index in history.step_series)})
    if len(indices) == 1:
        return {indices[0]: ""}
    return {index: _label(history.run, index, known.get(index)) for index in indices}


def _label(run: Run, index: int, optimizer: OptimizerInfo | None) -> str:
    if optimizer is None:
        return f"optimizer {index}"
    line = script_line(optimizer.created or "", run)
    lines = run.source.splitlines()
    if line is not None and 1 <= line <= len(lines):
        assigned = _ASSIGNED.match(lines[line - 1])
        if assigned is not None:
            return f"{assigned['name']} ({optimizer.name})"
    return f"{optimizer.name} {index}"


def _texts(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, Mapping):
        for part in item.values():
            yield from _texts(part)
    elif isinstance(item, Sequence):
        for part in item:
            yield from _texts(part)
