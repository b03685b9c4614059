"""The pages of docs/recipes: up to date, with the numbers that the recipes give."""

import re
from pathlib import Path

import pytest

from surefoot import recipes
from surefoot.recipes import pages

DOCS = Path(__file__).parents[2] / "docs"
QUICKEST = ("line", "line-mse", "learning-rates")


def test_pages_are_up_to_date():
    assert pages.stale(DOCS / "recipes") == []
    assert (DOCS / "recipes" / "README.md").read_text(encoding="utf-8") == pages.index(DOCS / "recipes")


@pytest.mark.parametrize("name", pages.generated())
def test_each_page_has_its_results_and_its_picture(name):
    text = (DOCS / "recipes" / f"{name}.md").read_text(encoding="utf-8")
    results = pages.results_in(text)
    assert results.count("\n- ") >= 1
    assert results.count("\n|") >= 3
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert pictures
    for picture in pictures:
        place = DOCS / "recipes" / picture
        limit = 120_000 if place.name == f"{name}.png" else 400_000
        assert 1_000 < place.stat().st_size < limit, picture


def _numbers(cell: str) -> float | str:
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return cell


@pytest.mark.parametrize("name", QUICKEST)
def test_the_numbers_of_a_page_are_those_of_the_recipe(name, tmp_path):
    """Their full form, trained again; clocks apart, within what another build of torch may change."""
    recipe = recipes.load(name)
    options = recipe.options(out=tmp_path / "out", runs=tmp_path / "runs")
    outcome = recipe.train(options)
    written = [
        line.strip("| ").split(" | ")
        for line in pages.results_in((DOCS / "recipes" / f"{name}.md").read_text("utf-8")).splitlines()
        if line.startswith("|")
    ]
    columns, rows = written[0], written[2:]
    assert columns == list(outcome.rows[0])
    assert len(rows) == len(outcome.rows)
    for row, again in zip(rows, outcome.rows, strict=True):
        for column, cell in zip(columns, row, strict=True):
            if "seconds" in column:
                continue
            old, new = _numbers(cell), _numbers(pages.shown(again[column]))
            expected = pytest.approx(old, rel=0.05, abs=1e-6) if isinstance(old, float) else old
            assert new == expected, (row[0], column)


def test_the_results_of_a_page_survive_a_new_text():
    recipe = recipes.load("bowl")
    results = "## What it found, seed 0\n\n- Something.\n\n| a |\n| --- |\n| 1 |"
    text = pages.page(recipe, results)
    assert pages.results_in(text).strip() == results
    assert pages.page(recipe, pages.results_in(text)) == text


def test_pictures_keep_their_look_in_fewer_colors(tmp_path):
    import numpy as np
    from PIL import Image

    outcome_picture = tmp_path / "a.png"
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 200)[:, None, None] * np.array([1.0, 0.5, 0.2])
    picture = np.broadcast_to(smooth, (200, 300, 3)).astype(np.uint8) + rng.integers(
        0, 2, (200, 300, 3), np.uint8
    )
    Image.fromarray(picture).save(outcome_picture)
    pages.shrunk(outcome_picture, tmp_path / "b.png")
    again = np.asarray(Image.open(tmp_path / "b.png").convert("RGB")).astype(int)
    assert np.abs(again - picture).mean() < 3
    assert (tmp_path / "b.png").stat().st_size < outcome_picture.stat().st_size
