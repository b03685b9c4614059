"""What a run's page is told while it trains: only what is new since the cursor that the page names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from surefoot.records import History
from surefoot.report.json import plain
from surefoot.store.follow import Changes, Cursor
from surefoot.store.reader import RunReader, open_run
from surefoot.view.curves import Means, appended, news
from surefoot.view.run import text_of, told_findings, verdict_of

_FIRST = Cursor()
_AT_ONCE = 20_000  # rows of a table


class Following:
    """One page that follows one run.

    Args:
        path: Folder of the run.
        widths: Source of a curve -> over how many steps its mean is.
    """

    def __init__(self, path: Path, widths: dict[str, int]) -> None:
        self._path = path
        self._means = Means(widths)
        self._status = ""

    def look(self, cursor: str) -> tuple[str, dict[str, Any] | None]:
        """What is new since a cursor.

        Returns:
            Cursor now, and what to send; None: nothing is new.

        Raises:
            StoreError: The run cannot be read any more.
        """
        before = cursor_of(cursor)
        with open_run(self._path) as reader:
            found = reader.after(before, _AT_ONCE)
            if found.cursor == before and found.run.status == self._status:
                return cursor, None
            self._status = found.run.status
            sent = self._sent(reader, found)
        return text_of(found.cursor), plain(sent)

    def _sent(self, reader: RunReader, found: Changes) -> dict[str, Any]:
        findings = reader.findings()
        history = History(found.run, all_facts=reader.facts())
        curves = []
        for source, series in news(found).items():
            curves.append(appended(source, series))
            if self._means.wants(source):
                name, _, optimizer = source.rpartition("/")
                whole = reader.series(name, int(optimizer), points=None)
                self._means.begin(source, _before(whole, int(series.steps[0])))
            mean = self._means.appended(source, series)
            if mean is not None:
                curves.append(mean)
        return {
            "status": found.run.status,
            "steps": found.run.steps,
            "error": found.run.error,
            "verdict": verdict_of(history, findings),
            "curves": curves,
            "findings": None if found.findings is None else told_findings(found.findings, found.run),
            "layers": len({row.step for row in found.layers}),
        }


def cursor_of(text: str) -> Cursor:
    """A cursor as it travelled; the beginning, where it is none.

    Example:
        >>> cursor_of("1.2.3.4.5"), cursor_of("nonsense").step
        (Cursor(step=1, metric=2, layer=3, hyperparameter=4, revision=5), 0)
    """
    parts = text.split(".")
    if len(parts) != len(_FIRST) or not all(
        part.isascii() and part.isdecimal() and len(part) < 18 for part in parts
    ):
        return _FIRST
    return Cursor._make(map(int, parts))


def _before(whole: Any, step: int) -> Any:
    known = whole.steps < step
    return type(whole)(whole.steps[known], whole.values[known])
