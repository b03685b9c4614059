"""A rule's page as HTML, so that whoever is sent a report can read what a finding means."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

from surefoot.errors import UnknownRule
from surefoot.rules import get_rule

_TOP = 4  # a page's headings stand below a finding's h3


def rule_page(code: str) -> Markup | None:
    """The page without its first line, which the finding's title already says; None if no rule has that code.

    Example:
        >>> page = rule_page("missing-step")
        >>> "<h4>What it finds</h4>" in page, rule_page("never-a-rule")
        (True, None)
    """
    try:
        page = get_rule(code).page
    except UnknownRule:  # the run was judged by rules that are not installed here
        return None
    _, _, body = page.partition("\n")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(body)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _TOP - 2)}"
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))
