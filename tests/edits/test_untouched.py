"""An edit changes its own lines and no other, whatever stands around them; and it is the same edit."""

from __future__ import annotations

import ast
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from surefoot.edits import codes, edit
from surefoot.edits.record import lines

LOOP = """\
import torch
from torch import nn

model = nn.Sequential(
    nn.Linear(4, 3),
    nn.Softmax(dim=1),
)
RATE = 0.1
opt = torch.optim.SGD(model.parameters(), lr=RATE)
criterion = nn.CrossEntropyLoss()
loader = DataLoader(data, batch_size=8)
for epoch in range(3):
    scheduler.step()
    for i, (x, y) in enumerate(loader):
        {early}loss = criterion(model(x), y)
        loss.backward()
        {late}opt.step()
        total += loss
    with torch.no_grad():
        for a, b in held:
            wrong += criterion(model(a), b)
"""
CASES = [
    ("missing-zero-grad", "opt.step", {}),
    ("clip", "opt.step", {"max_norm": 1.0}),
    ("rate", "opt = ", {"factor": 0.1}),
    ("weight-decay", "opt = ", {"value": 0.01}),
    ("softmax-before-cross-entropy", "loss = ", {}),
    ("padding-in-loss", "loss = ", {"token": 0}),
    ("broadcast-loss", "loss = ", {"shape": [8, 1], "against": [8]}),
    ("unshuffled-data", "enumerate", {}),
    ("scheduler-order", "scheduler.step", {}),
    ("graph-kept", "backward", {}),
    ("train-in-eval-mode", "backward", {}),
    ("validate-in-train-mode", "wrong +=", {}),
    ("grads-cleared-before-step", "opt.step", {"late": "opt.zero_grad()\n        "}),
    ("clip-ineffective", "clip_grad", {"early": "nn.utils.clip_grad_norm_(model.parameters(), 1)\n        "}),
]
FAULTS = Path(__file__).parents[1] / "faults"


def case(at, details):
    text = LOOP.format(early=details.get("early", ""), late=details.get("late", ""))
    return text, next(n for n, line in enumerate(text.splitlines(), 1) if at in line)


def noisy(text, line, draw):
    """The text among blank lines, comments and spaces, with the line's new number."""
    out, number = [], 0
    for count, row in enumerate(text.splitlines(), 1):
        indent = row[: len(row) - len(row.lstrip())]
        out += draw.sample(["", f"{indent}# noise é", "\t# noise", "   "], draw.randrange(3))
        out.append(row + draw.choice(["", "  ", "  # noise 'x'", "\t"]))
        number = len(out) if count == line else number
    ending = draw.choice(["\n", "\r\n"])
    return ending.join(out) + draw.choice([ending, ""]), number


@pytest.mark.parametrize(("code", "at", "details"), CASES, ids=[code for code, *_ in CASES])
@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_what_stands_around_an_edit_changes_nothing(code, at, details, seed):
    text, line = case(at, details)
    known = {name: value for name, value in details.items() if name not in ("early", "late")}
    plain = edit(text, code, line, **known)
    around, number = noisy(text, line, random.Random(seed))
    made = edit(around, code, number, **known)
    assert ast.dump(ast.parse(made.source)) == ast.dump(ast.parse(plain.source))
    for one, other in ((-1, "gone"), (1, "new")):
        assert abs(sum(difference(made, one).values())) == abs(sum(difference(plain, one).values())), other
    ends = {row[len(row.rstrip("\r\n")) :] for row in lines(made.source)[:-1]}
    assert len(ends) == 1


def difference(made, sign):
    before, after = (Counter(map(str.strip, lines(text))) for text in (made.before, made.source))
    return before - after if sign < 0 else after - before


SAMPLE = sorted(FAULTS.glob("*/faulty.py"))[::12]


@pytest.mark.parametrize("script", SAMPLE, ids=[path.parent.name for path in SAMPLE])
def test_any_edit_at_any_line_compiles_and_is_small(script):
    text = script.read_text(encoding="utf-8")
    known = {
        "factor": 0.5,
        "max_norm": 1.0,
        "token": 0,
        "range": [-1.0, 2.0],
        "shape": [4, 1],
        "against": [4],
    }
    for code in codes():
        for line in (None, *range(1, len(text.splitlines()) + 2, 3)):
            made = edit(text, code, line, activation="relu", **known)
            if made is not None:
                compile(made.source, "edited", "exec")
                assert made.what.endswith(".")
                assert sum(difference(made, -1).values()) <= 2, made.changed
                assert sum(difference(made, 1).values()) <= 2, made.changed


@pytest.mark.parametrize(
    "text", ["", "\n", "x = 1", "for x in y:\n", "\x00", "def f(:\n", "é = 1\n", "\ufeffx = 1\n"]
)
def test_what_is_no_training_has_no_edit(text):
    for code in codes():
        for line in (None, -1, 0, 1, 99):
            assert edit(text, code, line, value=1, factor=2, max_norm=1) is None


def test_an_unknown_code_has_no_edit():
    assert edit("x = 1\n", "no-such-code", 1) is None
