"""Places in the user's script."""

import pytest

from surefoot.records import Finding, History, OptimizerInfo, Run, Series
from surefoot.report.places import finding_lines, optimizer_labels, script_line


@pytest.mark.parametrize(
    ("script", "text", "line"),
    [
        ("train.py", "train.py:41: loss = criterion(model(x), y)", 41),
        ("train.py", "train.py:41", 41),
        ("/home/u/train.py", "train.py:41: x", 41),
        ("train.py", "./train.py:7", 7),
        ("pkg.train", "pkg/train.py:3: step()", 3),
        ("pkg.train", "src/pkg/train/__main__.py:3", 3),
        ("C:\\work\\train.py", "work\\train.py:9: y", 9),
        ("train.py", "model.py:41: return x", None),
        ("train.py", "pretrain.py:41", None),
        ("train.py", "conv1.weight", None),
        ("train.py", "train.py: no line", None),
        ("train.py", "", None),
    ],
)
def test_script_line(script, text, line):
    assert script_line(text, Run(path="", name="", script=script)) == line


def test_finding_lines_come_from_where_and_from_all_evidence():
    finding = Finding(
        "a",
        "error",
        "",
        "",
        where="t.py:9: x",
        evidence={"place": "t.py:2", "nested": [{"deep": "t.py:5: y"}, "other.py:1"], "count": 3},
    )
    assert finding_lines(finding, Run(path="", name="", script="t.py")) == [2, 5, 9]


def test_optimizer_labels():
    run = Run("", "", "t.py", source="self.opt: Optimizer = SGD(p)\nmake_optimizer(p)\nif a == b: pass")
    made = [OptimizerInfo(i, "SGD", {}, (), created=f"t.py:{i + 1}: …") for i in range(3)]
    assert optimizer_labels(History(run, optimizers=tuple(made))) == {
        0: "self.opt (SGD)",
        1: "SGD 1",
        2: "SGD 2",
    }
    assert optimizer_labels(History(run, optimizers=tuple(made[:1]))) == {0: ""}
    assert optimizer_labels(History(run)) == {}
    only_series = History(run, step_series={("loss", 0): Series.of([1.0]), ("loss", 4): Series.of([1.0])})
    assert optimizer_labels(only_series) == {0: "optimizer 0", 4: "optimizer 4"}
