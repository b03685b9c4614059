"""One finished training, as it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from surefoot import rules
from surefoot.errors import StoreError
from surefoot.records import Finding, History, Verdict
from surefoot.remedies.base import Proposal
from surefoot.report.verdict import judge
from surefoot.store.reader import open_run


@dataclass
class Seen:
    """A training with fixes, read back.

    Args:
        fixes: That were at work in it.
        history: What was recorded; None: nothing.
        unseen: Codes whose fault is mended although an observation still finds it.
        why: It came to nothing.
    """

    fixes: tuple[Proposal, ...]
    history: History | None
    unseen: frozenset[str] = frozenset()
    why: str = ""

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with it."""
        found = rules.diagnose(self.history) if self.history is not None else ()
        return tuple(each for each in found if each.code not in self.unseen)

    @property
    def codes(self) -> frozenset[str]:
        """Of findings that count."""
        return frozenset(each.code for each in self.findings if each.severity != "information")

    @cached_property
    def verdict(self) -> Verdict | None:
        """Whether it is healthy."""
        return judge(self.history, self.findings) if self.history is not None else None

    @property
    def failure(self) -> str:
        """Why it did not train to its end; "" where it did."""
        if self.history is None:
            return self.why or "nothing of it was recorded"
        run = self.history.run
        return (run.error or "it failed") if run.status in ("failed", "crashed") else ""


def read(fixes: Sequence[Proposal], path: Path, unseen: frozenset[str], why: str = "") -> Seen:
    """What lies in a run's folder."""
    try:
        with open_run(path) as reader:
            return Seen(tuple(fixes), reader.history(), unseen, why)
    except StoreError as error:
        return Seen(tuple(fixes), None, unseen, why or str(error))
