"""The page of finished studies."""

from surefoot.recipes.separation import pages
from surefoot.recipes.separation.report import write_report

from .test_study import made_result


def test_the_page_shows_what_the_studies_found(tmp_path):
    for name, percentiles, seeds in (
        ("as-published", (10.0, 50.0, 100.0), 2),
        ("whitened", (10.0, 100.0), 1),
    ):
        objective = "whitened" if name == "whitened" else "masks"
        results = [made_result(p, s, loss=p, objective=objective) for p in percentiles for s in range(seeds)]
        write_report(
            results, "two voices", tmp_path / "studies" / name, f"surefoot reproduce autoclip --seeds {seeds}"
        )
    target = pages.write(tmp_path / "studies", tmp_path / "docs")
    text = target.read_text()
    assert text.index("## Mixtures as the paper makes them") < text.index(
        "## Whitened k-means deep clustering"
    )
    assert "## Chimera" not in text
    assert (
        "[Whitened k-means deep clustering](#whitened-k-means-deep-clustering) | whitened | 1 | -90.00 |"
        in text
    )
    assert "surefoot reproduce autoclip --seeds 2\n" in text
    pictures = sorted(path.name for path in (tmp_path / "docs" / "images" / "recipes").iterdir())
    assert pictures == [
        "autoclip-as-published-dynamics.png",
        "autoclip-as-published-percentiles.png",
        "autoclip-whitened-dynamics.png",
    ]
    for name in pictures:
        assert f"(../images/recipes/{name})" in text
