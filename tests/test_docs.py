"""Public names are documented, and what the documents mention exists."""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path

import pytest
import typer

import surefoot
from surefoot.cli.main import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_FOLDERS = ("src/", "docs/", "tests/", "examples/", "benchmarks/", "forge/")
_CODE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:^(?:[.\w/]*bin/)?|`|\$ )surefoot ([a-z][a-z-]*)\b", re.MULTILINE)


@pytest.mark.parametrize("name", surefoot.__all__)
def test_public_names_are_documented(name: str) -> None:
    value = getattr(surefoot, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    text = inspect.getdoc(value)
    assert text, name
    assert text.splitlines()[0].endswith((".", "?", ":")), text.splitlines()[0]
    if inspect.isfunction(value) and len(inspect.signature(value).parameters) > 1:
        assert "Args:" in text
        for parameter in inspect.signature(value).parameters:
            assert re.search(rf"\b{parameter}\b", text), f"{name}({parameter}) is not documented"


@pytest.mark.parametrize("room", ["lab", "landscape"])
def test_a_room_that_is_called_shows_its_functions_signature(room: str) -> None:
    module = getattr(surefoot, room)
    assert inspect.signature(module) == inspect.signature(getattr(module, room))


def test_dir_lists_public_names_alone() -> None:
    assert set(surefoot.__all__) < set(dir(surefoot))
    assert not {"Any", "annotations", "TYPE_CHECKING", "import_module"} & set(dir(surefoot))
    assert all(hasattr(surefoot, name) for name in dir(surefoot))


def test_what_users_call_first_has_an_example() -> None:
    for value in (surefoot.watch, surefoot.AutoClip):
        assert ">>> " in (inspect.getdoc(value) or "")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_mention_what_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for code in _CODE.findall(text):
        word = code.split(":")[0].split("#")[0].rstrip("/")
        if word.startswith(_FOLDERS) and not re.search(r"[<>*{}… ]", word):
            assert (ROOT / word).exists(), f"{path.name} mentions {word}"
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", link):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_every_page_has_its_place_in_the_site() -> None:
    """What `make docs` fails on, told without MkDocs."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    missing = {page.as_posix() for page in pages if page.as_posix() not in navigation}
    assert {page for page in missing if f"{page.rpartition('/')[0]}/*" not in navigation} == set()


def _commands() -> set[str]:
    return set(typing.cast(typing.Any, typer.main.get_command(app)).commands)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_mention_real_commands(path: Path) -> None:
    mentioned = set(_COMMAND.findall(path.read_text(encoding="utf-8")))
    assert mentioned <= _commands(), f"{path.name}: {mentioned - _commands()}"


def test_the_patterns_find_something() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "run" in set(_COMMAND.findall(readme))
