import pytest
import torch

from surefoot import recipes


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def trained(tmp_path):
    """Trains a recipe in its quick form; more settings by keyword."""

    def run(name, seed=0, quick=True, **settings):
        recipe = recipes.load(name)
        options = recipe.options(
            seed=seed, out=tmp_path / "out", runs=tmp_path / "runs", quick=quick, settings=settings
        )
        return recipes.run(recipe, options)

    return run
