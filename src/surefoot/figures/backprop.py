"""The figures of a backward pass: gradient norms from the loss to the inputs, and the graph of a small one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from surefoot.figures.canvas import COLORS, GRID, INK, MUTED, footer, new_figure, styled
from surefoot.gradients import Backpropagation, Mark, ModuleGradient

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
SMALL = 12  # operations whose graph is legible
_BARS = 14  # modules whose names still stand below upright bars


def backprop_figure(
    records: Backpropagation | Mapping[str, Backpropagation], *, depth: int | None = 1
) -> Any:
    """Gradient norm that came into each module, from the loss (left) to the inputs, one panel a record.

    Args:
        records: One, or several by name, side by side on the same scale.
        depth: Collapse modules to so many dotted parts.
    """
    named = {"": records} if isinstance(records, Backpropagation) else dict(records)
    collapsed = {name: record.collapsed(depth) for name, record in named.items()}
    longest = max(map(len, collapsed.values()))
    with styled():
        if longest > _BARS:
            figure = _lying(collapsed, longest)
        else:
            figure = _upright(collapsed)
        unreached = {n: r.unreached for n, r in named.items() if r.unreached}
        footer(figure, [f"{n} nothing reaches {', '.join(u)}".strip() for n, u in unreached.items()])
    return figure


Rows = Mapping[str, Sequence[ModuleGradient]]


def _upright(collapsed: Rows) -> Any:
    """Few modules: bars above their names, the panels side by side on one scale."""
    figure = new_figure(max(6.4, 5.2 * len(collapsed)), 4.8)
    panels = figure.subplots(1, len(collapsed), sharey=True, squeeze=False)[0]
    for axes, (name, rows) in zip(panels, collapsed.items(), strict=True):
        for position, row in enumerate(rows):
            axes.bar(position, _shown(row), width=0.85, lw=0, **_style(row))
            if text := _unshown(row):
                at = {"xy": (position, 0.02), "xycoords": ("data", "axes fraction"), "ha": "center"}
                axes.annotate(text, color=INK, **at)
        axes.set_yscale("log")
        axes.set_xticks(range(len(rows)), [row.label for row in rows], rotation=90, fontsize=8)
        axes.set_title(name or "Back-propagation")
        axes.set_xlabel("from the loss to the inputs")
        axes.grid(axis="y", color=GRID, lw=0.6)
        axes.set_axisbelow(True)
    if (lowest := _lowest(collapsed)) is not None:
        panels[0].set_ylim(bottom=lowest / 3)
    panels[0].set_ylabel("gradient norm that came in")
    _legend(panels[-1], collapsed, "upper right")
    return figure


def _lying(collapsed: Rows, longest: int) -> Any:
    """Many modules: a line each with its name, its bar, and the factor by which it changes the norm."""
    figure = new_figure(max(7.5, 6.5 * len(collapsed)), 1.4 + 0.21 * longest)
    panels = figure.subplots(1, len(collapsed), sharex=True, squeeze=False)[0]
    for axes, (name, rows) in zip(panels, collapsed.items(), strict=True):
        axes.set_xscale("log")
        for position, row in enumerate(rows):
            axes.barh(position, _shown(row), height=0.8, lw=0, **_style(row))
            said = _unshown(row) or f"{row.norm_in:.3g}"
            factor = "" if math.isnan(row.factor) or math.isnan(row.norm_out) else f"  × {row.factor:.3g}"
            at = {"xy": (1.01, position), "xycoords": ("axes fraction", "data"), "va": "center"}
            axes.annotate(said + factor, fontsize=8, color=INK, annotation_clip=False, **at)
        axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=8)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_title(name or "Back-propagation, from the loss (top) to the inputs")
        axes.set_xlabel("gradient norm that came in; × factor passed on")
        axes.grid(axis="x", color=GRID, lw=0.6)
        axes.set_axisbelow(True)
    if (lowest := _lowest(collapsed)) is not None:
        panels[0].set_xlim(left=lowest / 3)
    _legend(panels[-1], collapsed, "lower right")
    return figure


def _shown(row: ModuleGradient) -> float:
    return row.norm_in if math.isfinite(row.norm_in) and row.norm_in > 0 else math.nan


def _unshown(row: ModuleGradient) -> str:
    """What a bar can't show."""
    if _shown(row) == _shown(row):
        return ""
    return "0" if row.norm_in == 0 else "NaN" if math.isnan(row.norm_in) else "inf"


def _style(row: ModuleGradient) -> dict[str, Any]:
    return {"color": MARK_COLORS[row.mark], "hatch": HATCHES.get(row.mark), "edgecolor": "white"}


def _lowest(collapsed: Rows) -> float | None:
    values = [value for rows in collapsed.values() for row in rows if (value := _shown(row)) == value]
    return min(values, default=None)


def _legend(axes: Any, collapsed: Rows, place: str) -> None:
    from matplotlib.patches import Patch

    used = {row.mark for rows in collapsed.values() for row in rows}
    handles = [
        Patch(facecolor=color, hatch=HATCHES.get(mark), edgecolor="white", label=mark or "fine")
        for mark, color in MARK_COLORS.items()
        if mark in used
    ]
    if len(handles) > 1:
        axes.legend(handles=handles, loc=place)


def graph_figure(record: Backpropagation) -> Any:
    """Operations as boxes, gradients as arrows with their values (or norms), the leaves below what leads to them.

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
                label = f"{edge.value:.4g}" if edge.value is not None else f"{edge.norm:.3g}"
                _arrow(axes, (x, y), (x1, y1), label, bend)
        _arrow(axes, (places[0][0], -1.0), places[0], "1" if record.operations[0].value_in == 1 else "", 0.0)
        for leaf in record.leaves:
            x, y = places[leaf.name]
            total = f"{leaf.value:.4g}" if leaf.value is not None else f"norm {leaf.norm:.3g}"
            _box(axes, x, y, f"{leaf.name}\ngradient {total}", "#fff3d6", INK)
        axes.set_title(f"Back-propagation from a loss of {record.loss:g}")
    return figure


def _layout(record: Backpropagation) -> dict[int | str, tuple[float, float]]:
    """Rows by the longest way from the loss; a leaf below the lowest operation that leads to it."""
    depth: dict[int | str, int] = {0: 0}
    for o in record.operations:  # each runs after all that lead to it
        depth.setdefault(o.index, 0)
        for edge in o.edges:
            to = edge.to if edge.to is not None else edge.leaf
            if to is not None:
                depth[to] = max(depth.get(to, 0), depth[o.index] + 1)
    rows: dict[int, list[int | str]] = {}
    for node, level in depth.items():
        rows.setdefault(level, []).append(node)
    widest = max(map(len, rows.values()))
    above: dict[int | str, list[int]] = {}
    for o in record.operations:
        for edge in o.edges:
            to = edge.to if edge.to is not None else edge.leaf
            if to is not None:
                above.setdefault(to, []).append(o.index)
    places: dict[int | str, tuple[float, float]] = {}
    for level in sorted(rows):
        # Each below the middle of those that it hangs on, so that few arrows cross; leaves stand to the right.
        def wanted(node: int | str) -> tuple[bool, float]:
            parents = [places[parent][0] for parent in above.get(node, ()) if parent in places]
            return isinstance(node, str), sum(parents) / max(len(parents), 1)

        nodes = sorted(rows[level], key=wanted)
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
    near = (
        0.5 if abs(end[1] - start[1]) <= 1 else 0.5 / abs(end[1] - start[1])
    )  # long ones pass by other boxes
    x, y = start[0] + near * (end[0] - start[0]), start[1] + near * (end[1] - start[1])
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
