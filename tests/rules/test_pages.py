"""docs/rules/ is what the rules say."""

from pathlib import Path

import pytest

from surefoot.rules import all_rules
from surefoot.rules.pages import main, pages, stale

DOCS = Path(__file__).parents[2] / "docs" / "rules"


def test_the_pages_are_current() -> None:
    assert stale(DOCS) == [], "run: python -m surefoot.rules.pages docs/rules"


def test_every_rule_is_in_the_index_and_has_its_page() -> None:
    written = pages()
    for rule in all_rules():
        assert f"({rule.code}.md)" in written["README.md"]
        assert written[f"{rule.code}.md"].startswith(f"# {rule.code}\n")


def test_check_finds_what_is_missing_changed_or_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    (tmp_path / "plateau.md").write_text("changed")
    (tmp_path / "missing-step.md").unlink()
    page = (tmp_path / "dead-units.md").read_text()
    (tmp_path / "no-such-rule.md").write_text(page.replace("# dead-units", "# no-such-rule"))
    (tmp_path / "notes.md").write_text("# notes\n\nMine.\n")
    assert stale(tmp_path) == ["missing-step.md", "no-such-rule.md", "plateau.md"]
    assert main([str(tmp_path), "--check"]) == 1
    assert "plateau.md" in capsys.readouterr().err
    main([str(tmp_path)])
    assert stale(tmp_path) == []
    assert (tmp_path / "notes.md").exists()
    assert not (tmp_path / "no-such-rule.md").exists()
