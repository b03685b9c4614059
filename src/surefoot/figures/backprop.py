"""The figures of a backward pass: gradient norms from the loss to the inputs, and the graph of a small one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from surefoot.figures.canvas import COLORS, GRID, INK, MUTED, footer, new_figure, styled
from surefoot.gradients import Backpropagation, Mark

MARK_COLORS: Mapping[Mark | None, str] = {
    None: COLORS[1],
    "vanishing": COLORS[4],
    "zero": "#999999",
    "exploding": COLORS[0],
    "NaN": "#000000",
    "turns NaN": "#000000",
}
HATCHES: Mapping[Mark | None, str] = {
    "vanishing": "//",
    "exploding": "xx",
    "zero": "..",
    "NaN": "++",
    "turns NaN": "**",
}
SMALL = 24  # operations that still fit a graph


def backprop_figure(
    records: Backpropagation | Mapping[str, Backpropagation], *, depth: int | None = 1
) -> Any:
    """Gradient norm that came into each module, from the loss (left) to the inputs, one panel a record.

    Args:
        records: One, or several by name, side by side on the same scale.
        depth: Collapse modules to so many dotted parts.
    """
    from matplotlib.patches import Patch

    named = {"": records} if isinstance(records, Backpropagation) else dict(records)
    with styled():
        figure = new_figure(max(6.4, 5.2 * len(named)), 4.8)
        panels = figure.subplots(1, len(named), sharey=True, squeeze=False)[0]
        used: set[Mark | None] = set()
        lowest = math.inf
        for axes, (name, record) in zip(panels, named.items(), strict=True):
            rows = record.collapsed(depth)
            values = [r.norm_in if math.isfinite(r.norm_in) and r.norm_in > 0 else math.nan for r in rows]
            lowest = min([lowest, *[v for v in values if v == v]])
            for position, (row, value) in enumerate(zip(rows, values, strict=True)):
                used.add(row.mark)
                style = {"color": MARK_COLORS[row.mark], "hatch": HATCHES.get(row.mark), "edgecolor": "white"}
                axes.bar(position, value, width=0.85, lw=0, **style)
                if value != value:
                    text = "0" if row.norm_in == 0 else "NaN" if math.isnan(row.norm_in) else "inf"
                    axes.annotate(
                        text, (position, 0.02), xycoords=("data", "axes fraction"), ha="center", color=INK
                    )
            axes.set_yscale("log")
            axes.set_xticks(range(len(rows)), [r.module or "loss" for r in rows], rotation=90, fontsize=8)
            axes.set_title(name or "Back-propagation")
            axes.set_xlabel("from the loss to the inputs")
            axes.grid(axis="y", color=GRID, lw=0.6)
            axes.set_axisbelow(True)
        if math.isfinite(lowest):
            panels[0].set_ylim(bottom=lowest / 3)
        panels[0].set_ylabel("gradient norm that came in")
        marks: list[Mark | None] = [m for m in MARK_COLORS if m in used]
        handles = [
            Patch(facecolor=MARK_COLORS[m], hatch=HATCHES.get(m), edgecolor="white", label=m or "fine")
            for m in marks
        ]
        if len(handles) > 1:
            panels[-1].legend(handles=handles, loc="upper right")
        unreached = {n: r.unreached for n, r in named.items() if r.unreached}
        footer(figure, [f"{n} nothing reaches {', '.join(u)}".strip() for n, u in unreached.items()])
    return figure


def graph_figure(record: Backpropagation) -> Any:
    """Operations as boxes, gradients as arrows with their values (or norms), the leaves at the bottom.

    Raises:
        ValueError: More than SMALL operations.
    """
    if len(record.operations) > SMALL:
        raise ValueError(f"a graph of {len(record.operations)} operations is not legible; draw its modules")
    places = _layout(record)
    with styled():
        wide = max(x for x, _ in places.values()) + 1
        deep = max(y for _, y in places.values()) + 1
        figure = new_figure(max(4.0, 2.1 * wide + 0.6), max(3.0, 1.15 * deep + 0.8))
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(-0.6, wide - 0.4)
        axes.set_ylim(deep - 0.4, -0.75)
        for o in record.operations:
            x, y = places[o.index]
            color = MARK_COLORS[o.mark] if o.mark else "#e8f1f8"
            _box(
                axes, x, y, o.name + (f"\n{o.module}" if o.module else ""), color, "white" if o.mark else INK
            )
            outgoing = [e for e in o.edges if e.shape is not None]
            for k, edge in enumerate(outgoing):
                x1, y1 = places[edge.to if edge.to is not None else str(edge.leaf)]
                # Two arrows between the same boxes must not lie on each other.
                twins = [e for e in outgoing if (e.to, e.leaf) == (edge.to, edge.leaf)]
                bend = 0.25 * (k - (len(outgoing) - 1) / 2) if len(twins) > 1 else 0.0
                label = f"{edge.value:g}" if edge.value is not None else f"{edge.norm:.3g}"
                _arrow(axes, (x, y), (x1, y1), label, bend)
        _arrow(axes, (places[0][0], -1.0), places[0], "1" if record.operations[0].value_in == 1 else "", 0.0)
        for leaf in record.leaves:
            x, y = places[leaf.name]
            total = f"{leaf.value:g}" if leaf.value is not None else f"norm {leaf.norm:.3g}"
            _box(axes, x, y, f"{leaf.name}\ngradient {total}", "#fff3d6", INK)
        axes.set_title(f"Back-propagation from a loss of {record.loss:g}")
    return figure


def _layout(record: Backpropagation) -> dict[int | str, tuple[float, float]]:
    """Rows by the longest way from the loss; columns in order of first sight."""
    depth: dict[int | str, int] = {0: 0}
    for o in record.operations:  # each runs after all that lead to it
        depth.setdefault(o.index, 0)
        for edge in o.edges:
            to = edge.to if edge.to is not None else edge.leaf
            if to is not None:
                depth[to] = max(depth.get(to, 0), depth[o.index] + 1)
    deepest = max(depth.values())
    for leaf in record.leaves:
        depth[leaf.name] = deepest
    rows: dict[int, list[int | str]] = {}
    for node, level in depth.items():
        rows.setdefault(level, []).append(node)
    widest = max(map(len, rows.values()))
    places = {}
    for level, nodes in rows.items():
        for i, node in enumerate(nodes):
            places[node] = (i + (widest - len(nodes)) / 2, float(level))
    return places


def _box(axes: Any, x: float, y: float, text: str, color: str, ink: str) -> None:
    style = {"boxstyle": "round,pad=0.4", "facecolor": color, "edgecolor": MUTED, "lw": 1}
    axes.text(x, y, text, ha="center", va="center", fontsize=9, color=ink, bbox=style, zorder=3)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], label: str, bend: float) -> None:
    style = {
        "arrowstyle": "-|>",
        "color": MUTED,
        "shrinkA": 18,
        "shrinkB": 18,
        "connectionstyle": f"arc3,rad={bend}",
    }
    axes.annotate("", end, start, arrowprops=style, zorder=1)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    x += bend * (end[1] - start[1]) / 2
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(
        x,
        y,
        label,
        ha="center",
        va="center",
        fontsize=9,
        color=COLORS[0],
        fontweight="bold",
        bbox=paper,
        zorder=2,
    )
