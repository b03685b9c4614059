"""`surefoot train` and `surefoot recipes`."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from surefoot.cli.main import _main
from surefoot.cli.train import parsed
from surefoot.errors import SettingError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)


def test_a_recipe_prints_its_results_and_leaves_its_files(tmp_path, capsys):
    code = _main(
        ["train", "line", "--quick", "--set", "steps=30", "--seed", "3", "--out", "here", "--runs", "kept"]
    )
    said = capsys.readouterr().out
    assert code == 0
    for part in ("error of m / standard error", "here/line.png", "1 run recorded in kept"):
        assert part in " ".join(said.split())
    results = json.loads((tmp_path / "here" / "results.json").read_text())
    assert (results["seed"], results["quick"], results["numbers"]["steps"]) == (3, True, 30)
    assert (tmp_path / "here" / "line.png").exists()
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_last_is_never_a_run_inside_a_recipe(tmp_path, capsys):
    """They lie with the recipe's other files, apart from the runs of one's own scripts."""
    assert _main(["train", "line-mse", "--quick", "--set", "steps=5"]) == 0
    assert "1 run recorded in surefoot-recipes/line-mse/runs" in capsys.readouterr().out
    assert not (tmp_path / "surefoot-runs").exists()
    assert _main(["show", "last"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lin"], "There is no recipe 'lin': did you mean 'line'?"),
        (["line", "--set", "stepz=3"], "did you mean 'steps'?"),
        (["line", "--set", "steps"], "--set steps is no KEY=VALUE"),
        (["line", "--set", "steps=few"], "steps = few is not a whole number"),
        (["line", "--resume"], "line keeps no checkpoints to go on from"),
        (["absent.toml"], "absent.toml cannot be read"),
        (["absent.toml", "--quick"], "--quick is for recipes"),
        (["absent.toml", "--set", "a=1"], "--set is for recipes"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments, sentence, capfd):
    assert _main(["train", *arguments]) == 2
    said = capfd.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


def test_settings_are_taken_apart_once():
    assert parsed(("rates=1,0.1", "text=a=b")) == {"rates": "1,0.1", "text": "a=b"}
    with pytest.raises(SettingError):
        parsed(("=3",))


@pytest.fixture
def example(tmp_path):
    """The example's files, shortened, in a folder of their own."""
    folder = tmp_path / "example"
    folder.mkdir()
    for name in ("digits.py", "digits_data.py"):
        shutil.copy(ROOT / "examples" / name, folder)
    text = (ROOT / "examples" / "digits.toml").read_text()
    text = text.replace("epochs = 8\n", "epochs = 1\n").replace("batch_size = 64", "batch_size = 512")
    (folder / "digits.toml").write_text(text)
    return folder / "digits.toml"


def test_a_file_trains_and_goes_on(example, tmp_path, capsys):
    assert _main(["train", str(example)]) == 0
    first = capsys.readouterr().out
    assert "lowest validation loss" in first
    assert (example.parent / "digits-checkpoints" / "checkpoints.json").exists()
    assert len(list((tmp_path / "surefoot-runs").iterdir())) == 1

    assert _main(["train", str(example)]) == 2  # its checkpoints are there
    example.write_text(example.read_text().replace("epochs = 1\n", "epochs = 2\n"))
    assert _main(["train", str(example), "--resume"]) == 0
    assert "after 6 steps" in capsys.readouterr().out


def test_a_wrong_key_is_told_with_its_line(example, capfd):
    lines = example.read_text().replace("patience", "patiense").splitlines()
    example.write_text("\n".join(lines))
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("patiense"))
    assert _main(["train", str(example)]) == 2
    said = capfd.readouterr().err
    assert f"digits.toml, line {line}: 'patiense' is no key of [training]: did you mean 'patience'?" in said


def test_a_training_that_diverges_ends_with_1(example, capsys):
    text = example.read_text().replace("lr = 2e-3", "lr = 1e9").replace("epochs = 1\n", "epochs = 40\n")
    text = text.replace('name = "adamw"', 'name = "gd"').replace('clip = "auto"', 'clip = "none"')
    text = text.replace('groups = { "classifier.*" = { lr = 4e-3 } }\n', "").replace("patience = 4\n", "")
    example.write_text(text)
    assert _main(["train", str(example)]) == 1
    assert "diverged" in capsys.readouterr().out


def test_recipes_are_listed(capsys):
    from surefoot import recipes

    assert _main(["recipes"]) == 0
    said = capsys.readouterr().out
    assert _main(["recipes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == list(recipes.names())
    for entry in listed:
        assert entry["name"] in said
        assert entry["title"]
        assert entry["seconds"] > 0


def test_a_recipes_page_is_printed(capfd):
    assert _main(["recipes", "bowl"]) == 0
    page = capfd.readouterr().out
    assert page.startswith("# bowl\n")
    assert "## What to change" in page
    assert _main(["recipes", "bowl", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["numbers"]["condition"]["value"] == 50.0
    assert _main(["recipes", "bowel"]) == 2
    assert "did you mean 'bowl'?" in capfd.readouterr().err
