"""The comparison as one file: escaped, complete, drawn in a real browser without an error or a request."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from comparison.histories import SOURCE, finding, recorded
from report.chromium import Chromium, program
from report.histories import HOSTILE, hostile, hostile_finding
from surefoot.comparison.engine import between
from surefoot.comparison.html import render
from surefoot.comparison.records import Comparison
from surefoot.records import History, Run

LOSS = np.exp(-np.arange(300) / 60) * np.random.default_rng(0).lognormal(0, 0.1, 300)


def two() -> Comparison:
    changed = SOURCE.replace("0.1", "0.3")
    fixed = recorded(
        "fixed", loss=LOSS / 2, val_loss={150: 1.0, 300: 0.4}, settings={"lr": 0.3}, source=changed
    )
    faulty = recorded("faulty", loss=LOSS, val_loss={150: 1.0, 300: 0.9})
    return between([(faulty, [finding("lr-too-low")]), (fixed, [finding("plateau")])])


def many() -> Comparison:
    seeds = [recorded(f"s{at}", loss=LOSS * (1 + at / 10), seed=at) for at in range(3)]
    rates = [recorded(f"r{lr}", loss=LOSS / lr, settings={"lr": float(lr)}) for lr in range(2, 9)]
    diverged = recorded("nan", loss=np.where(np.arange(300) < 200, LOSS, np.nan), settings={"lr": 99.0})
    return between([(run, ()) for run in (*seeds, *rates, diverged)])


def spoilt() -> Comparison:
    other = replace(hostile(), run=replace(hostile().run, path="elsewhere", source=f"x = 1\n{HOSTILE}\n"))
    return between([(hostile(), [hostile_finding()]), (other, [])])


def empty() -> Comparison:
    return between([(History(Run(f"runs/{name}", name, "a.py")), ()) for name in "ab"])


CASES = {"two": two, "many": many, "hostile": spoilt, "empty": empty}


@pytest.mark.parametrize("name", CASES)
def test_it_is_complete_in_itself(name: str) -> None:
    page = render(CASES[name]())
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:http|//|/)", page)
    assert "default-src &#39;none&#39;" in page


def test_nothing_of_a_run_is_markup() -> None:
    page = render(spoilt())
    assert "<img" not in page
    assert "<script>document.title" not in page


def test_it_says_what_changed() -> None:
    page = render(two())
    assert "better: validation loss 0.4 against 0.9 after 300 steps; lr-too-low is gone, new: plateau" in page
    assert '<span class="row added"><code>+lr = 0.3</code>' in page
    assert '<span class="row removed"><code>-lr = 0.1</code>' in page


@pytest.mark.browser
@pytest.mark.skipif(program() is None, reason="no Chromium on this machine: apt-get install chromium")
def test_it_is_drawn(tmp_path: Path) -> None:
    with Chromium(tmp_path / "profile") as browser:
        for name, made in CASES.items():
            page = tmp_path / f"{name}.html"
            page.write_text(render(made()), encoding="utf-8")
            for dark, width in ((False, 1280), (True, 400)):
                tab = browser.open(page, dark=dark, width=width)
                tab.settle()
                assert tab.errors() == []
                assert tab.requests() == []
                assert tab.run("document.documentElement.scrollWidth") <= width
                charts, drawn = (
                    tab.run(f"document.querySelectorAll('{what}').length")
                    for what in ("figure.chart", ".plot canvas")
                )
                assert charts == drawn
                assert (charts > 0) == (name != "empty")
                assert tab.run("document.title").endswith("surefoot comparison")
