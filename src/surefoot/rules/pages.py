"""Writes docs/rules/ from the rules themselves: `python -m surefoot.rules.pages docs/rules`.

With `--check` it writes nothing and ends with 1 if a page is missing, out of date or left over.
"""

from __future__ import annotations

import sys
from pathlib import Path

from surefoot.rules.registry import GROUPS, all_rules, explain
from surefoot.rules.retired import RETIRED

INTRODUCTION = {
    "wiring": "Structure: what is connected, called, ordered and shaped. Seen once, and sure.",
    "dynamics": "How loss, gradients, updates and rates move, held against the run's own history.",
}


def pages() -> dict[str, str]:
    """File name -> text of each page and of the index.

    Example:
        >>> "missing-step.md" in pages()
        True
    """
    own = [r for r in all_rules() if r.group in GROUPS]
    return {"README.md": _index(), **{f"{r.code}.md": explain(r.code) for r in own}}


def _index() -> str:
    lines = [
        "# Rules",
        "",
        "Generated from the rules; do not edit. `surefoot explain CODE` prints a page.",
        "",
    ]
    for group in GROUPS:
        lines += [
            f"## {group.capitalize()}",
            "",
            INTRODUCTION[group],
            "",
            "| code | gravest | finds |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| [{r.code}]({r.code}.md) | {r.severity} | {r.title} |" for r in all_rules() if r.group == group
        ]
        lines.append("")
    if RETIRED:
        lines += ["## Retired", "", "These codes are never used again.", ""]
        lines += [
            f"- `{code}`: until {version}; {instead}" for code, (version, instead) in sorted(RETIRED.items())
        ]
        lines.append("")
    return "\n".join(lines)


def stale(folder: Path) -> list[str]:
    """Names of pages in `folder` that are missing, out of date or left over."""
    wanted = pages()
    there = {path.name for path in folder.glob("*.md") if path.name in wanted or _is_page(path)}
    changed = [n for n, text in wanted.items() if n not in there or (folder / n).read_text("utf-8") != text]
    return sorted([*changed, *(there - set(wanted))])


def write(folder: Path) -> None:
    """Write every page and remove those of rules that are no more.

    Effects: creates `folder`; removes pages of other rules in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale(folder):
        (folder / name).unlink(missing_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


def _is_page(path: Path) -> bool:
    """Whether a file was written here: what else lies in the folder is not ours to remove."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return len(lines) > 4 and lines[0] == f"# {path.stem}" and " · since " in lines[4]


def main(arguments: list[str]) -> int:
    """Run as a program; the exit code says whether the pages were up to date under `--check`."""
    folder = Path(next((a for a in arguments if not a.startswith("-")), "docs/rules"))
    if "--check" not in arguments:
        write(folder)
        return 0
    old = stale(folder)
    if old:
        print(
            f"out of date in {folder}: {', '.join(old)}; run python -m surefoot.rules.pages {folder}",
            file=sys.stderr,
        )
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
