"""Trainings in TOML files: what they make, and what each fault of a file says."""

import pytest
import torch

from surefoot.errors import SettingError
from surefoot.training import train_file
from surefoot.training.toml_file import line_of

PARTS = """
import torch
from torch import nn

def network(width=4, deep=False):
    return nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1))

def points(examples=40):
    x = torch.linspace(-1, 1, 3 * examples).reshape(examples, 3)
    return x, x.sum(1, keepdim=True)

def scaled(output, target, by=1.0):
    return by * (output - target).square().mean()

def error(output, target):
    return (output - target).abs().mean()

number = 3
"""

GOOD = """
loss = "torch.nn:MSELoss"
data = "made_for_file_test.py:points"

[model]
from = "made_for_file_test.py:network"
width = 6

[validate]
from = "made_for_file_test.py:points"
examples = 10

[metrics]
error = "made_for_file_test.py:error"

[optimizer]
name = "sgd"
lr = 0.1
momentum = 0.5
[optimizer.groups."2.*"]
lr = 0.05

[training]
schedule = "warmup(epochs(1)) >> cosine(epochs(2))"
batch_size = 8
epochs = 3
folder = "kept"
clip = "none"
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "made_for_file_test.py").write_text(PARTS)

    def written(text):
        path = tmp_path / "training.toml"
        path.write_text(text)
        return path

    import sys

    yield written
    sys.modules.pop("made_for_file_test", None)


def test_a_whole_training(write, tmp_path):
    path = write(GOOD)
    result = train_file(path, observe=False)
    assert result.steps == 15
    assert result.model[0].out_features == 6
    assert [g["initial_lr"] for g in result.optimizer.param_groups] == [0.1, 0.1, 0.05, 0.05]
    assert result.optimizer.param_groups[0]["momentum"] == 0.5
    assert set(result.validations[-1]) == {"step", "val_loss", "val_error"}
    assert result.folder == tmp_path / "kept"
    again = train_file(path, observe=False, resume=True, epochs=4)
    assert again.steps == 20
    fresh = train_file(path, observe=False, folder=None)
    assert all(
        torch.equal(a, b) for a, b in zip(result.model.parameters(), fresh.model.parameters(), strict=True)
    )


def test_losses_may_take_keys(write):
    text = GOOD.replace('loss = "torch.nn:MSELoss"\n', "").replace('folder = "kept"\n', "")
    one = train_file(write(text + '\n[loss]\nfrom = "torch.nn:MSELoss"\nreduction = "mean"\n'), observe=False)
    two = train_file(
        write(text + '\n[loss]\nfrom = "made_for_file_test.py:scaled"\nby = 1.0\n'), observe=False
    )
    assert two.losses == pytest.approx(one.losses, rel=1e-5)


FAULTS = {
    "wrong key": (
        ("epochs = 3", "epcohs = 3"),
        r"line LINE: 'epcohs' is no key of \[training\]: did you mean 'epochs'\?",
    ),
    "wrong top key": (
        ('data = "', 'dataa = "'),
        r"line LINE: 'dataa' is no key of the top of the file: did you mean 'data'",
    ),
    "wrong type": (
        ("batch_size = 8", 'batch_size = "eight"'),
        r"line LINE: training\.batch_size = 'eight' must be 'full' or a valid integer",
    ),
    "wrong number": (
        ("epochs = 3", "epochs = 0"),
        r"line LINE: training\.epochs = 0 must be greater than or equal to 1",
    ),
    "fraction": (
        ("epochs = 3", "epochs = 2.5"),
        r"line LINE: training\.epochs = 2\.5 must be a valid integer",
    ),
    "range": (
        ("lr = 0.1", "lr = -0.1"),
        r"line LINE: optimizer\.lr = -0\.1 must be greater than or equal to 0",
    ),
    "choice": (
        ('clip = "none"', 'on_divergence = "panic"'),
        r"line LINE: training\.on_divergence = 'panic' must be 'stop' or 'rewind'",
    ),
    "optimizer": (
        ('name = "sgd"', 'name = "sdg"'),
        r"line LINE: optimizer\.name: There is no optimizer named 'sdg' .*did you mean 'sgd'",
    ),
    "option": (("momentum = 0.5", "momentun = 0.5"), r"has no setting 'momentun': did you mean 'momentum'"),
    "schedule": (
        ("warmup(epochs(1))", "warmpu(epochs(1))"),
        r"line LINE: training\.schedule: There is no schedule named 'warmpu': did you mean 'warmup'",
    ),
    "missing": (('data = "made_for_file_test.py:points"\n', ""), r"'data' is missing: add it"),
    "length": (("epochs = 3\n", ""), r"line LINE: training: say how long to train"),
    "not toml": (("epochs = 3", "epochs = "), r"is not valid TOML: .*line LINE"),
    "no module": (("torch.nn:MSELoss", "torch.nnn:MSELoss"), r"'torch\.nnn' cannot be imported"),
    "no name": (
        ("torch.nn:MSELoss", "torch.nn:MSELos"),
        r"torch\.nn has no 'MSELos': did you mean 'MSELoss'",
    ),
    "no file": (("made_for_file_test.py:network", "mad.py:network"), r"There is no file .*mad\.py"),
    "no colon": (("torch.nn:MSELoss", "mse"), r"'mse' names nothing"),
    "bad argument": (("width = 6", "widht = 6"), r"cannot be called with these keys: .*widht"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_one_sentence_with_line_and_nearest_key(write, case):
    (old, new), message = FAULTS[case]
    assert old in GOOD
    changed = GOOD.replace(old, new, 1)
    # Where the fault was put; for what is left out, where its table begins.
    line = (
        GOOD[: GOOD.index(old)].count("\n") + 1 if new else GOOD[: GOOD.index("[training]")].count("\n") + 1
    )
    with pytest.raises(SettingError, match=message.replace("LINE", str(line))) as caught:
        train_file(write(changed), observe=False)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingError, match=r"cannot be read .*name a TOML file"):
        train_file(tmp_path / "none.toml")


def test_lines():
    text = '# one\na = 1\n\n[t]\n# x\nb = """\nc = 2\n"""\nc = [\n 1,\n 2,\n]\n'
    text += "[t.u]\nd.e = 1\n[[v]]\nw = 1\n[[v]]\nw = 2\n"
    assert line_of(text, ("a",)) == 2
    assert line_of(text, ("t", "b")) == 6
    assert line_of(text, ("t", "c")) == 9
    assert line_of(text, ("t", "u", "d", "e")) == 14
    assert line_of(text, ("v", 1, "w")) == 18
    assert line_of(text, ("t", "missing")) == 4
    assert line_of(text, ("missing",)) is None
