"""Tables on a terminal of 80 columns, and into a pipe."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from surefoot.cli.console import rendered
from surefoot.cli.train import results_tables

ROWS = [
    {"surface": surface, "optimizer": optimizer, "lr": 0.1, "momentum": None, "steps until within 0.01": 118}
    | {"last distance": 9.75e-06, "of the parameters": 1.5}
    for surface in ("w0² + 4 w1²", "w0² + 50 w1²")
    for optimizer in ("gradient descent", "momentum", "Nesterov", "RMSprop", "Adam")
]


def test_a_pipe_gets_whole_lines_without_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("name")
    table.add_column("sentence")
    table.add_row("a", "word " * 60)
    table.add_row("longer", "short")
    lines = rendered([table], io.StringIO()).splitlines()
    assert [len(line) for line in lines] == [16, 8 + 5 * 60 - 1, 13]


def test_wide_results_come_in_parts_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = rendered(results_tables(ROWS, 80), io.StringIO())
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert all(name in text for name in ROWS[0])
    assert text.count("gradient descent") == 4, "each part names its rows"


def test_results_that_fit_are_one_table() -> None:
    assert len(results_tables(ROWS, 200)) == 1
    assert (
        len(results_tables([{"way": name} | dict.fromkeys(map(str, range(20)), 1) for name in "ab"], 40)) == 1
    )


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    table = Table("name", header_style="bold red")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "31m" in rendered([table], Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in rendered([table], Terminal())
