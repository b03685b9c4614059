"""The documentation site builds strictly, fetches nothing, and has a page for every public name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from filelock import FileLock

import surefoot
from report.chromium import Chromium, Tab, program

pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install '.[docs]'")
for _needed in ("material", "mkdocstrings_handlers.python"):
    pytest.importorskip(_needed, reason=f"{_needed} is not installed: pip install '.[docs]'")

ROOT = Path(__file__).parents[1]
# What a browser fetches by itself; a link is only followed by a reader.
_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
_TYPED = """
const field = document.querySelector("[data-md-component=search-query]");
field.focus();
field.value = "vanishing gradient";
field.dispatchEvent(new Event("input", {bubbles: true}));
field.dispatchEvent(new KeyboardEvent("keyup", {bubbles: true}));
"""
pytestmark = pytest.mark.slow


class _Page(HTMLParser):
    """What a page fetches and where it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (place := given.get(_FETCHED.get(tag, ""))) is not None:
            self.fetched.append(place)
        if tag == "a" and (place := given.get("href")) is not None:
            self.links.append(place)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, one for all of xdist's workers."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(shared / "site.lock"):
        if not (shared / "site").exists():
            _build(shared / "part")
            (shared / "part").rename(shared / "site")
    return shared / "site"


def _build(folder: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=500, env=environment, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, _Page]:
    return {path.relative_to(site).as_posix(): _Page(path) for path in site.rglob("*.html")}


def test_nothing_is_fetched_from_outside(site: Path, pages: dict[str, _Page]) -> None:
    outside = {
        (name, place)
        for name, page in pages.items()
        for place in page.fetched
        if re.match(r"[a-z]+:|//", place) and not place.startswith("data:")
    }
    assert outside == set()
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), (
            sheet
        )


def test_what_is_fetched_and_linked_is_there(site: Path, pages: dict[str, _Page]) -> None:
    missing = set()
    for name, page in pages.items():
        if name == "404.html":  # its links are of a site at the root of a host
            continue
        for place in [*page.fetched, *page.links]:
            path = unquote(urldefrag(place)[0].partition("?")[0])
            if path and not re.match(r"[a-z]+:", path) and not (site / name).parent.joinpath(path).exists():
                missing.add((name, place))
    assert missing == set()


@pytest.mark.parametrize("name", surefoot.__all__)
def test_every_public_name_has_its_page(site: Path, name: str) -> None:
    text = (site / "api" / f"{name}.html").read_text(encoding="utf-8")
    heading = re.search(r"<h1.*?</h1>", text, re.DOTALL)
    assert heading is not None
    assert f"surefoot.{name}" in heading[0]
    assert "doc-signature" in text


def test_the_command_line_is_that_of_the_program(site: Path) -> None:
    text = (site / "command-line.html").read_text(encoding="utf-8")
    for words in ("surefoot check [OPTIONS] SCRIPT", "--percentiles", 'id="plot-schedule"'):
        assert words in text


def test_the_file_holds_every_page_of_the_rules(site: Path) -> None:
    written = {path.stem for path in (ROOT / "docs" / "rules").glob("*.md")} - {"README"}
    assert written <= {path.stem for path in (site / "rules").glob("*.html")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if program() is None:
        pytest.skip("no Chromium is installed")
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


def _requests(tab: Tab) -> set[str]:
    return {url for url in tab.requests() if not url.startswith(("file:", "data:", "blob:", "about:"))}


@pytest.mark.browser
def test_opens_from_a_folder_and_searches_there(site: Path, browser: Chromium) -> None:
    tab = browser.open(site / "index.html")
    tab.run(_TYPED)
    tab.wait("document.querySelectorAll('.md-search-result__link').length > 3")
    found = tab.run(
        "[...document.querySelectorAll('.md-search-result__link')].map(link => link.href).join(' ')"
    )
    assert "rules/vanishing-gradient.html" in found
    assert _requests(tab) == set()
    assert tab.errors() == []


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_follows_the_system_in_light_and_dark(site: Path, browser: Chromium, dark: bool) -> None:
    tab = browser.open(site / "clipping.html", dark=dark)
    assert tab.run("document.body.dataset.mdColorScheme") == ("slate" if dark else "default")
    assert _requests(tab) == set()


@pytest.mark.browser
def test_the_lab_lives_in_its_page(site: Path, browser: Chromium) -> None:
    tab = browser.open(site / "descent-lab.html", height=1100)
    frames = [each["frame"] for each in tab.call("Page.getFrameTree")["frameTree"]["childFrames"]]
    (lab,) = (frame["id"] for frame in frames if frame["url"] == (site / "live" / "lab.html").as_uri())
    world = tab.call("Page.createIsolatedWorld", frameId=lab)["executionContextId"]
    title = tab.call(
        "Runtime.evaluate", expression="document.querySelector('h1').textContent", contextId=world
    )
    assert title["result"]["value"] == "The descent lab"
    assert tab.errors() == []
    assert _requests(tab) == set()
