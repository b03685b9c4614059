"""The page of a backward pass: modules as rows that open to their operations. No script at all."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

from surefoot.figures.page import static
from surefoot.gradients import Backpropagation, ModuleGradient, Operation


def backprop_page(records: Backpropagation | Mapping[str, Backpropagation], *, depth: int | None = 1) -> str:
    """One self-contained HTML file; several records stand side by side."""
    named = {"": records} if isinstance(records, Backpropagation) else dict(records)
    positive = [
        r.norm_in for record in named.values() for r in record.operations if 0 < r.norm_in < math.inf
    ] or [1.0]
    scale = (math.log10(min(positive)), math.log10(max(positive)))
    parts = "".join(_record(name, record, depth, scale) for name, record in named.items())
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Back-propagation</title><style>{static('landscape.css')}{static('backprop.css')}</style></head>"
        f'<body><main><h1>Back-propagation, from the loss to the inputs</h1><div class="side">{parts}</div>'
        '<p class="note">Bars: gradient norm that came in, logarithmic. Factor: norm out over norm in. '
        "Open a row for its operations.</p></main></body></html>\n"
    )


def _record(name: str, record: Backpropagation, depth: int | None, scale: tuple[float, float]) -> str:
    by_index = {o.index: o for o in record.operations}
    rows = "".join(_module(m, [by_index[i] for i in m.operations], scale) for m in record.collapsed(depth))
    title = f"<h2>{html.escape(name)}</h2>" if name else ""
    missing = ""
    if record.unreached:
        items = ", ".join(f"<code>{html.escape(n)}</code>" for n in record.unreached)
        missing = f'<p class="bad">Nothing reaches {items}.</p>'
    count = len(record.operations)
    return f"<section>{title}<p>loss {record.loss:.6g}, {count} operations</p>{missing}{rows}</section>"


def _module(module: ModuleGradient, operations: list[Operation], scale: tuple[float, float]) -> str:
    open_ = " open" if module.mark in ("turns NaN", "exploding") else ""
    cells = _cells(module.label, "", module.norm_in, module.norm_out, module.factor, module.mark, scale)
    head = (
        "<tr><th>operation</th><th>shape</th><th>norm in</th><th>norm out</th><th>factor</th><th></th></tr>"
    )
    body = "".join(_operation(o) for o in operations)
    return f"<details{open_}><summary>{cells}</summary><table>{head}{body}</table></details>"


def _cells(
    name: str,
    shape: str,
    norm_in: float,
    norm_out: float,
    factor: float,
    mark: str | None,
    scale: tuple[float, float],
) -> str:
    width = 0.0
    if 0 < norm_in < math.inf:
        low, high = scale
        width = 3 + 97 * (math.log10(norm_in) - low) / max(high - low, 1e-9)
    sign = f'<b class="mark">{html.escape(mark)}</b>' if mark else ""
    state = " off" if mark else ""
    return (
        f'<span class="name">{html.escape(name)}{sign}</span>'
        f'<span class="bar"><i class="fill{state}" style="width:{width:.1f}%"></i></span>'
        f'<span class="number">{_number(norm_in)}</span><span class="number">× {_number(factor)}</span>'
    )


def _operation(o: Operation) -> str:
    shape = "×".join(map(str, o.shape)) if o.shape else ("scalar" if o.shape == () else "")
    to = ", ".join(html.escape(e.leaf) for e in o.edges if e.leaf)
    name = html.escape(o.name) + (f" <small>{to}</small>" if to else "")
    numbers = "".join(f"<td>{_number(v)}</td>" for v in (o.norm_in, o.norm_out, o.factor))
    mark = f'<b class="mark">{html.escape(o.mark)}</b>' if o.mark else ""
    return f"<tr><td>{name}</td><td>{shape}</td>{numbers}<td>{mark}</td></tr>"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"
