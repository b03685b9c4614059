from __future__ import annotations

import math

import matplotlib
import pytest

from surefoot.figures import backprop_text, draw_backprop, memory_text, steps_text
from surefoot.figures.backprop import SMALL, backprop_figure, graph_figure
from surefoot.gradients import Backpropagation, Edge, LeafGradient, ModuleMemory, Operation


def scalar() -> Backpropagation:
    """y = x^3 + 5 x at x = 2."""
    operations = (
        Operation(
            0,
            "Add",
            "",
            (),
            1.0,
            math.sqrt(2),
            (Edge(2, None, (), 1.0, 1.0), Edge(1, None, (), 1.0, 1.0)),
            None,
            1.0,
        ),
        Operation(1, "Mul", "", (), 1.0, 5.0, (Edge(None, "x", (), 5.0, 5.0),), None, 1.0),
        Operation(2, "Pow", "", (), 1.0, 12.0, (Edge(None, "x", (), 12.0, 12.0),), None, 1.0),
    )
    return Backpropagation(18.0, operations, (LeafGradient("x", (), 17.0, 17.0),), (), "parameters")


def chain(layers: int, factor: float, unreached: tuple[str, ...] = ()) -> Backpropagation:
    operations = []
    for i in range(layers):
        norm = factor**i
        mark = "vanishing" if norm < 1e-3 else None
        after = (Edge(i + 1, None, (4, 4), norm * factor),) if i + 1 < layers else ()
        edges = (Edge(None, f"block.{i}.weight", (4, 4), norm), *after)
        operations.append(Operation(i, "Addmm", f"block.{i}", (4, 4), norm, norm, edges, mark))
    return Backpropagation(0.7, tuple(operations), (), unreached, "forward")


def test_the_scalar_example_is_shown_step_by_step():
    lines = backprop_text(scalar()).splitlines()
    assert lines == steps_text(scalar()).splitlines()
    assert "1 × 1 = 1 to Pow [2]" in lines[1]
    assert "1 × 5 = 5 to x" in lines[2]
    assert "1 × 12 = 12 to x" in lines[3]
    assert lines[-1] == "x collects 5 + 12 = 17"
    with pytest.raises(ValueError, match="not every gradient"):
        steps_text(chain(3, 0.5))


def test_the_table_collapses_expands_and_lists_what_nothing_reaches():
    record = chain(8, 0.1, ("spare.weight",))
    text = backprop_text(record)
    assert len([line for line in text.splitlines() if line.startswith("block.")]) == 8
    assert "nothing reaches 1 parameters: spare.weight" in text
    assert "first vanishing at Addmm in block.4" in text
    assert "Addmm (block.2.weight)" not in text
    assert "Addmm (block.2.weight)" in backprop_text(record, expand=["block.2"])
    assert "Addmm (block.7.weight)" in backprop_text(record, expand=True)
    collapsed = backprop_text(record, depth=1)
    assert len([line for line in collapsed.splitlines() if line.startswith("block")]) == 1


def test_bars_have_the_norms_and_marks_their_hatching():
    records = {"plain": chain(6, 0.1), "residual": chain(6, 1.0)}
    figure = backprop_figure(records, depth=None)
    plain, residual = figure.axes
    assert [bar.get_height() for bar in plain.patches] == [0.1**i for i in range(6)]
    assert [bar.get_height() for bar in residual.patches] == [1.0] * 6
    assert [bool(bar.get_hatch()) for bar in plain.patches] == [
        o.mark is not None for o in records["plain"].operations
    ]
    assert plain.get_ylim() == residual.get_ylim()


def test_the_graph_of_the_scalar_example_carries_its_numbers():
    figure = graph_figure(scalar())
    texts = [t.get_text() for t in figure.findobj(matplotlib.text.Text)]
    for expected in ("Add", "Mul", "Pow", "x\ngradient 17", "12", "5"):
        assert expected in texts
    with pytest.raises(ValueError, match="not legible"):
        graph_figure(chain(SMALL + 1, 0.9))


def test_gradients_that_are_not_finite_are_drawn(tmp_path):
    bad = Operation(0, "Sqrt", "a", (2,), 1.0, math.inf, (Edge(1, None, (2,), math.inf),), "turns NaN")
    after = Operation(1, "Sub", "b", (2,), math.nan, math.nan, (Edge(None, "w", (2,), math.nan),), "NaN")
    record = Backpropagation(math.nan, (bad, after), (LeafGradient("w", (2,), math.nan),), (), "forward")
    for suffix in ("png", "html", "txt"):
        assert draw_backprop({"one": record}, tmp_path / f"a.{suffix}").stat().st_size > 100
    assert "turns NaN" in (tmp_path / "a.txt").read_text()


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "txt"])
@pytest.mark.parametrize("record", [scalar(), chain(40, 0.8), {"<b>": chain(30, 0.5), "c": chain(30, 1.0)}])
def test_every_format_is_written(record, suffix, tmp_path):
    path = draw_backprop(record, tmp_path / f"a.{suffix}")
    assert path.stat().st_size > 100
    if suffix == "html":
        page = path.read_text()
        assert "<script" not in page
        assert "<b>c" not in page
        assert page.count("<details") >= 1


def test_memory_as_a_table():
    rows = [ModuleMemory("", 100, 3_000_000), ModuleMemory("body", 0, 2_999_900, 2_000_000, 1.31)]
    text = memory_text(rows)
    assert "3 MB" in text
    assert "x 1.31" in text
    assert "2 MB" in text.splitlines()[2]
