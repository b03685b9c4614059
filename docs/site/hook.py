"""What MkDocs asks for while it builds the site: the pages that are made, what to do with links that leave docs/."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "src")]

import api  # noqa: E402
import command_line  # noqa: E402

LAB = "live/lab.html"
LAB_PAGE = f"""---
hide: [navigation, toc]
---

# The descent lab

Press a point of the surface, choose rules, watch them race. It is [one file]({LAB}) that works offline;
`surefoot lab` opens it on the plane of your own training, and [its page](lab.md) says what there is to see.

<iframe class="lab" src="{LAB}" title="The descent lab" allow="clipboard-write; fullscreen"></iframe>
"""
_LINK_OUT = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)([^)#]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made, and write out the navigation."""
    made = {
        **api.pages(),
        "command-line.md": command_line.page(),
        "changes.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "descent-lab.md": LAB_PAGE,
        LAB: _lab(),
    }
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    config.nav = _written_out(config.nav, files, named=set(_paths(config.nav)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn a link to what lies outside of docs/ into its path, which a reader of the repository can follow."""
    depth = page.file.src_uri.count("/")

    def inside(link: re.Match[str]) -> str:
        out = link[2].count("../") > depth
        return (
            f"{link[1]} (`{link[3]}`)" if out and link[1] != link[3] else f"`{link[3]}`" if out else link[0]
        )

    return _LINK_OUT.sub(inside, markdown)


def _lab() -> str:
    from surefoot.lab import lab

    return lab().html


def _paths(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            found += _paths(value) if isinstance(value, list) else [value]
    return found


def _written_out(nav: list[Any], files: Files, named: set[str]) -> list[Any]:
    whole: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            whole += [
                {title: _written_out(value, files, named) if isinstance(value, list) else value}
                for title, value in entry.items()
            ]
        elif entry.endswith("/*"):
            there = {file.src_uri for file in files.documentation_pages()} - named
            whole += sorted(path for path in there if path.rpartition("/")[0] == entry[:-2])
        else:
            whole.append(entry)
    return whole
