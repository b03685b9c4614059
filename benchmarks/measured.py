"""Puts what a benchmark measured between its marks on a page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path


def put(text: str, page: Path, script: str) -> None:
    """Replace what stands on the page between `<!-- measured by SCRIPT -->` and the next `<!-- end -->`.

    Raises:
        SystemExit: The page has no such marks.
    """
    mark = f"<!-- measured by {Path(script).parent.name}/{Path(script).name} -->"
    between = re.compile(re.escape(mark) + ".*?<!-- end -->", re.DOTALL)
    written, count = between.subn(lambda _: f"{mark}\n{text}\n<!-- end -->", page.read_text(encoding="utf-8"))
    if not count:
        raise SystemExit(
            f"{page} has no place for it: write {mark} and <!-- end --> where the table is to stand."
        )
    page.write_text(written, encoding="utf-8")
