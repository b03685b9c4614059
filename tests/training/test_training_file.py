"""Trainings in TOML files: what they make, and what each fault of a file says."""

import json
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surefoot.errors import SettingError
from surefoot.training import train_file
from surefoot.training.toml_file import line_of
from surefoot.training.training_file import TrainingSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

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


# ---- a file is a program


def test_code_from_elsewhere_is_told_before_it_runs(write, tmp_path, capfd):
    (tmp_path.parent / "made_outside_test.py").write_text("print('ran')\nraise ValueError('mine')\n")
    for old, new, told in (
        ("made_for_file_test.py:points", "../made_outside_test.py:points", "made_outside_test.py)"),
        ("made_for_file_test.py:points", "subprocess:getoutput", "subprocess:getoutput (standard library)"),
        ("made_for_file_test.py:error", "os:getcwd", "os:getcwd (standard library)"),
        ('name = "sgd"', 'name = "os.Foo"', "os:Foo (standard library)"),
    ):
        with pytest.raises(
            (SettingError, TypeError)
        ):  # the second out of the training itself: a metric of no arguments
            train_file(write(GOOD.replace(old, new, 1)), observe=False)
        out, err = capfd.readouterr()
        first = err.splitlines()[0]
        assert first.startswith("surefoot: ")
        assert told in first
        assert "run only files whose author you trust" in first
        assert ("ran" in out) == ("made_outside" in new)


def test_installed_packages_and_files_beside_it_are_not_told(write, capfd):
    text = GOOD.replace('loss = "torch.nn:MSELoss"', 'loss = "surefoot.norms:total_norm"')
    with pytest.raises(SettingError):
        train_file(write(text.replace("made_for_file_test.py:error", "sklearn.metrics:r2")), observe=False)
    assert "outside of its folder" not in capfd.readouterr().err


def test_what_the_code_of_a_file_raises_is_one_sentence_with_its_place(write, tmp_path):
    (tmp_path / "made_bad_test.py").write_text(
        "import torch\n\ndef points():\n    return torch.ones(2) @ torch.ones(3)\n"
    )
    (tmp_path / "made_broken_test.py").write_text("x = (\n")
    (tmp_path / "made_needy_test.py").write_text("import nowhere_to_be_found\n")
    (tmp_path / "made_leaving_test.py").write_text("raise SystemExit(3)\n")
    for name, told in (
        (
            "made_bad_test.py:points",
            r"made_bad_test\.py:?.* failed: RuntimeError: .*made_bad_test\.py, line 4\)",
        ),
        ("made_broken_test.py:points", r"made_broken_test\.py failed: SyntaxError"),
        ("made_needy_test.py:points", r"cannot be imported \(No module named 'nowhere_to_be_found'\)"),
        ("made_leaving_test.py:points", r"failed: SystemExit: 3"),
    ):
        with pytest.raises(SettingError, match=told) as caught:
            train_file(write(GOOD.replace("made_for_file_test.py:points", name, 1)), observe=False)
        assert "\n" not in str(caught.value)


ODD_NAMES = """../x:y x:y : a: :b .:x ..:x torch.nn: torch..nn:Linear a.py: /x.py:y torch:nn torch.nn:Linear torch:ones
math:pi a\0.py:b made_for_file_test.py:number made_for_file_test.py:points made_for_file_test.py:network.x"""
NAMES = st.text(max_size=12) | st.sampled_from(ODD_NAMES.split())
VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(2**70), 2**70), st.floats(), NAMES,
        st.sampled_from(["auto", "none", "full", "cosine(3)", "cosine('a' * 9)", "cosine()", "step(0)", "-cosine(1)",
                         "(" * 90 + ")" * 90, "warmup(1e400)", "linear(epochs(0))", "fp16", "stop", "adamw", "a.b.C"]),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["from", "lr", "a b", "width"]), inner),
    max_leaves=4,
)  # fmt: skip
TABLES = {
    "model": ["from", "width"],
    "loss": ["from"],
    "metrics": ["m"],
    "optimizer": ["lr", "momentum", "groups", "name", "layers", "layer_decay"],
    # The others write somewhere else or start processes.
    "training": sorted(TrainingSettings.model_fields.keys() - {"folder", "runs", "workers"}),
}
KEYS = [(table, key) for table, keys in TABLES.items() for key in keys]
KEYS += [(key,) for key in (*TABLES, "data", "validate", "nothing")]


def toml(value):
    """A value in TOML's words."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=True) if isinstance(value, str) else str(value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(KEYS), VALUES), min_size=1, max_size=2))
def test_no_value_in_a_file_is_a_traceback(write, capfd, changes):
    content = tomllib.loads(GOOD)
    content["training"] = {"epochs": 1, "batch_size": 8}
    content["validate"] = "made_for_file_test.py:points"
    for place, value in changes:
        holder = content
        for key in place[:-1]:
            holder = holder.setdefault(key, {}) if isinstance(holder, dict) else {}
            holder = holder if isinstance(holder, dict) else {}
        holder[place[-1]] = value
    # Trainings that would take long say nothing about sentences.
    training = content["training"]
    if isinstance(training, dict):
        for key in ("epochs", "steps", "accumulate"):
            if isinstance(training.get(key), int) and training[key] > 3:
                training[key] = 3
    text = "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in content.items())
    code = train_named(str(write(text)))
    assert code in (0, 1, 2), text
    sentences = [line for line in capfd.readouterr().err.splitlines() if "outside of its folder" not in line]
    assert len(sentences) == (code == 2), (text, sentences)


def train_named(path):
    from surefoot.cli.main import _main

    return _main(["train", path, "--runs", str(Path(path).parent / "runs")])
