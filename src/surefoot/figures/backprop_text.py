"""A backward pass as text: a table collapsed by module, or each step of a scalar example."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.gradients import Backpropagation, ModuleMemory, Operation


def backprop_text(
    record: Backpropagation, *, depth: int | None = None, expand: Sequence[str] | bool = ()
) -> str:
    """The table of a backward pass, from the loss to the inputs.

    Args:
        record: From `surefoot.autograd.backprop`.
        depth: Collapse modules to so many dotted parts; None shows each.
        expand: Modules whose operations are shown one by one, or True for all.

    Returns:
        Lines: each module (or operation) with the gradient norm in, out, and the factor between; then the parameters
        that nothing reaches. A scalar example comes as its steps.
    """
    if record.scalar:
        return steps_text(record)
    rows: list[tuple[str, ...]] = [("module", "operations", "shape", "norm in", "norm out", "factor", "")]
    by_index = {o.index: o for o in record.operations}
    for module in record.collapsed(depth):
        members = [by_index[i] for i in module.operations]
        names = ", ".join(o.name for o in members)
        shape = _shape(members[0].shape)
        norms = (_number(module.norm_in), _number(module.norm_out), _number(module.factor), module.mark or "")
        rows.append(
            (
                module.label,
                names if len(names) <= 40 else f"{len(members)} operations",
                shape,
                *norms,
            )
        )
        if expand is True or (expand is not False and module.module in expand):
            rows += [_operation_row(o) for o in members]
    lines = _aligned(rows)
    if record.unreached:
        lines.append(f"nothing reaches {len(record.unreached)} parameters: {', '.join(record.unreached)}")
    trouble = record.marked
    if trouble:
        first = trouble[0]
        lines.append(
            f"first {first.mark} at {first.name} "
            f"in {first.module or first.line or 'no module'} (norm {_number(first.norm_in)})"
        )
    return "\n".join([f"loss {record.loss:.6g}", *lines])


def steps_text(record: Backpropagation) -> str:
    """The chain rule of a scalar example, step by step.

    Raises:
        ValueError: Some gradient is not one number.
    """
    if not record.scalar:
        raise ValueError("not every gradient of this backward pass is one number")
    lines = [f"the loss is {record.loss:g}; its gradient with respect to itself is 1"]
    names = {o.index: f"{o.name} [{o.index}]" for o in record.operations}
    parts: dict[str, list[float]] = {}
    for o in record.operations:
        came = o.value_in if o.value_in is not None else float("nan")
        sent = []
        for edge in o.edges:
            if edge.value is None:
                continue
            to = names[edge.to] if edge.to is not None else str(edge.leaf)
            local = f"{edge.value / came:g}" if came else "?"
            sent.append(f"{came:g} × {local} = {edge.value:g} to {to}")
            if edge.leaf is not None:
                parts.setdefault(edge.leaf, []).append(edge.value)
        lines.append(f"{names[o.index]}: {came:g} comes in; {', '.join(sent)}")
    for leaf in record.leaves:
        values = parts.get(leaf.name, [])
        total = leaf.value if leaf.value is not None else math.nan
        summed = " + ".join(f"{v:g}" for v in values)
        lines.append(
            f"{leaf.name} collects {summed} = {total:g}"
            if len(values) > 1
            else f"{leaf.name} collects {total:g}"
        )
    return "\n".join(lines)


def memory_text(rows: Sequence[ModuleMemory]) -> str:
    """The table of what each module keeps for backward, and what checkpointing it would save and cost."""
    table: list[tuple[str, ...]] = [("module", "keeps", "with children", "checkpointed: saves", "time")]
    for row in rows:
        saved = "" if row.saved is None else _bytes(row.saved)
        slower = "" if row.slower is None else f"x {row.slower:.2f}"
        table.append((row.module or "(all)", _bytes(row.kept), _bytes(row.whole), saved, slower))
    return "\n".join(_aligned(table))


def _operation_row(o: Operation) -> tuple[str, ...]:
    to = ", ".join(e.leaf for e in o.edges if e.leaf)
    name = f"  {o.name}" + (f" ({to})" if to else "")
    return (
        name,
        "",
        _shape(o.shape),
        _number(o.norm_in),
        _number(o.norm_out),
        _number(o.factor),
        o.mark or "",
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else "×".join(map(str, shape)) or "scalar"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _bytes(count: int) -> str:
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if abs(value) < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"
