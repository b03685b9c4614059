"""What all recipes share: the list, their options, what a run leaves behind."""

import json
import subprocess
import sys

import pytest

from surefoot import recipes
from surefoot.errors import SettingError, UnknownRecipe
from surefoot.recipes.pages import text_of


def test_listing_needs_no_torch():
    code = "import sys; from surefoot import recipes; recipes.names(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_wrong_name_is_told_with_the_nearest():
    with pytest.raises(UnknownRecipe, match="'lin': did you mean 'line'"):
        recipes.load("lin")
    with pytest.raises(UnknownRecipe, match="there are first-line"):
        recipes.load("zzz")


@pytest.mark.parametrize("name", recipes.names())
def test_each_recipe_is_whole(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.seconds > 0
    text = text_of(recipe)
    for heading in ("## What to look at", "## What to change", "## Its numbers"):
        assert heading in text
    for number in recipe.numbers:
        assert f"`{number}`" in text
    quick = recipe.options(quick=True).numbers
    assert quick.keys() == recipe.numbers.keys()
    for key, number in recipe.numbers.items():
        assert number.parsed(key, str(quick[key])) == quick[key]


@pytest.mark.parametrize("name", recipes.names())
def test_what_a_page_says_can_be_set(name):
    """`--set key=value` in a page names numbers of its recipe."""
    import re

    recipe = recipes.load(name)
    for key, value in re.findall(r"--set ([a-z_]+)=(\S+?)`", recipe.text):
        recipe.options(settings={key: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stepz": 3}, "'stepz' is no number of the recipe line: did you mean 'steps'"),
        ({"steps": "many"}, "steps = many is not a whole number; its own value is"),
        ({"steps": "2.5"}, "not a whole number"),
        ({"lr": "nan"}, "lr = nan is not a number"),
        ({"steps": "0"}, "too low: the lowest that makes sense is 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(SettingError, match=message):
        recipes.load("line").options(settings=settings)


def test_wrong_seed_and_resume():
    with pytest.raises(SettingError, match="seed is -1"):
        recipes.load("line").options(seed=-1)
    with pytest.raises(SettingError, match="keeps no checkpoints"):
        recipes.load("line").options(resume=True)


def test_settings_take_the_type_of_the_number():
    numbers = recipes.load("line").options(settings={"steps": "7", "lr": "1e-2"}).numbers
    assert numbers["steps"] == 7
    assert isinstance(numbers["steps"], int)
    assert numbers["lr"] == 0.01


def test_a_run_leaves_its_figure_its_numbers_and_its_run(trained, tmp_path):
    outcome = trained("line", steps=20)
    assert outcome.figures == (tmp_path / "out" / "line.png",)
    assert outcome.figures[0].read_bytes().startswith(b"\x89PNG")
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert kept["results"] == [dict(row) for row in outcome.rows]
    assert kept["numbers"]["steps"] == 20
    assert outcome.runs[0].parent == tmp_path / "runs"


def test_the_same_seed_gives_the_same_numbers(trained):
    first, second, other = trained("line"), trained("line"), trained("line", seed=1)

    def numbers(outcome):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in outcome.rows]

    assert numbers(first) == numbers(second)
    assert numbers(first) != numbers(other)
