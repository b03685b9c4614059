"""The code blocks of the pages run, in order, as they stand."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["landscapes.md", "animations.md", "backprop.md"])
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text(encoding="utf-8")
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    scope: dict[str, object] = {"__name__": "page"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for language, block in fences:
            if language == "python":
                exec(compile(block, page, "exec"), scope)
    assert list(tmp_path.iterdir())  # pictures
    for language, shown in fences:
        if not language:  # what a page says is printed is printed
            assert shown.strip() in printed.getvalue()
