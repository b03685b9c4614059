"""Edits shown with findings."""

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from surefoot.records import Finding, History, Run
from surefoot.report.github import annotations
from surefoot.report.suggestions import suggestion

SOURCE = "for x in data:\n    f(x).backward()\n    opt.step()\n"
RUN = Run(path="", name="", script="examples/train.py", source=SOURCE)


def finding(**changes):
    said = {"code": "missing-zero-grad", "severity": "error", "title": "Not cleared.", "fix": "Clear."}
    return Finding(**{**said, "where": "examples/train.py:3: opt.step()", **changes})


def test_a_sure_finding_is_annotated_with_its_edit():
    (line,) = annotations(History(RUN), (finding(),))
    assert line.endswith(
        "Fix: Clear.%0AEdit: Clears the gradients of opt in front of backward().%0A+    opt.zero_grad()"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 0.8},
        {"where": None},
        {"where": "loader.py:3"},
        {"code": "plateau"},
        {"where": "examples/train.py:1"},
    ],
)
def test_what_is_not_sure_is_said_in_words_alone(changes):
    assert suggestion(History(RUN), finding(**changes)) is None
    assert "Edit:" not in annotations(History(RUN), (finding(**changes),))[0]
