"""The page as text: complete in itself, escaped, everything said."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from report import histories
from surefoot.facts import Calls, Clearing
from surefoot.records import Finding
from surefoot.report.html import page_data, render

CASES = {
    "healthy": (histories.healthy, ()),
    "diverged": (histories.diverged, (histories.TOO_HIGH, histories.DEAD)),
    "gan": (histories.gan, ()),
    "empty": (histories.empty, ()),
    "hostile": (histories.hostile, (histories.hostile_finding(),)),
}


class Elements(HTMLParser):
    """Start tags with attributes; text; and whether every element was closed in order."""

    VOID = ("meta", "link", "img", "br", "input")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.said = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.said.append(data)


def page(name):
    make, findings = CASES[name]
    return render(make(), findings)


def said(name):
    return re.sub(r"\s+", " ", " ".join(Elements(page(name)).said))


@pytest.mark.parametrize("name", CASES)
def test_page_is_well_formed_and_loads_nothing(name):
    parsed = Elements(page(name))
    assert parsed.open == []
    for tag, attributes in parsed.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "form")
        assert "src" not in attributes
        assert not any(key.startswith("on") for key in attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
        if tag == "a":
            assert attributes["href"].startswith("#")


@pytest.mark.parametrize("name", CASES)
def test_identifiers_are_unique_and_every_link_has_its_target(name):
    tags = Elements(page(name)).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in tags if tag == "a"} <= set(ids)


@pytest.mark.parametrize("name", CASES)
def test_embedded_data_is_what_is_drawn(name):
    make, findings = CASES[name]
    embedded = re.search(r'<script type="application/json" id="data">(.*?)</script>', page(name), re.DOTALL)[
        1
    ]
    assert json.loads(embedded) == page_data(make(), findings)


def test_scripts_are_only_our_own():
    ours = Elements(page("healthy")).tags
    theirs = Elements(page("hostile")).tags

    def count(tags):
        return sum(tag == "script" for tag, _ in tags)

    assert count(theirs) == count(ours)
    assert histories.HOSTILE in "".join(Elements(page("hostile")).said)


def test_findings_say_title_fix_evidence_place_and_consequence():
    text = said("diverged")
    assert "Cannot train" in text
    for part in (
        histories.TOO_HIGH.title,
        histories.TOO_HIGH.fix,
        histories.TOO_HIGH.where,
        "loss after 950",
        "Explains also: exploding-gradient",
        "from step 300",
        "confidence 0.95",
        histories.DEAD.title,
    ):
        assert part in text
    assert text.index("lr-too-high") < text.index("dead-units")


def test_finding_marks_its_line_of_the_script():
    parsed = Elements(page("diverged")).tags
    marked = [a["id"] for tag, a in parsed if tag == "span" and a.get("class") == "row marked"]
    assert marked == ["L23"]
    assert ("a", {"href": "#L23"}) in parsed
    assert histories.DIGITS.splitlines()[22].startswith("optimizer =")


def test_script_stands_there_whole():
    text = "".join(Elements(page("healthy")).said)
    for line in histories.DIGITS.splitlines():
        assert line in text


def test_healthy_page_says_so_and_shows_the_figures():
    text = said("healthy")
    assert "Healthy" in text
    assert "surefoot looked at 1,410 steps and found no fault" in text
    for part in ("12.7 s", "0.0777", "79 %", "9,930", "val_accuracy", "Were gradients cleared between steps"):
        assert part in text


def test_known_rule_brings_its_page():
    finding = histories.DEAD.__class__("missing-step", "error", "No step.", "Call it.")
    text = re.sub(r"\s+", " ", "".join(Elements(render(histories.empty(), (finding,))).said))
    assert "About missing-step" in text
    assert "Why it matters" in text


def test_empty_run_says_that_nothing_was_trained():
    text = said("empty")
    assert "Failed" in text
    assert "NameError: name 'modle' is not defined" in text
    assert "Curves" not in text
    assert "Healthy" not in text


def test_facts_say_which_of_them_stand_behind_a_finding():
    history = replace(histories.empty(), all_facts=(Clearing("optimizer 0", step=9), Calls("run", step=9)))
    finding = Finding("missing-zero-grad", "error", "Gradients pile up.", "Clear them.", step=2)
    page = render(history, [finding])
    assert "2 kinds were recorded; 1 stands behind a finding." in page
    assert f'{Clearing.question} <span class="odd">◂ missing-zero-grad</span>' in page
    assert "2 kinds were recorded; none stand behind a finding." in render(history, [])
