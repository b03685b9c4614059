"""Where a sweep lies: the same script with the same arguments finds what it has trained already."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from surefoot.capture.script import Prepared, Target
from surefoot.errors import SettingError, StoreError
from surefoot.search import results
from surefoot.search.member import LOGS, RESULTS
from surefoot.search.results import Result
from surefoot.search.settings import Member
from surefoot.store.folders import checked_name, default_name

_ABOUT = "sweep.json"


@dataclass(frozen=True, slots=True)
class Folder:
    """A sweep's folder: a run each member, its log and its result.

    Args:
        path: Of it.
    """

    path: Path

    def result(self, member: Member) -> Result | None:
        """What a member came to; None where it has to run."""
        found = results.read(self._place(member))
        return found[1] if found is not None and found[1].over else None

    def everything(self) -> dict[Member, Result]:
        """All that came to their end."""
        found = [results.read(path) for path in sorted((self.path / RESULTS).glob("*.json"))]
        return dict(each for each in found if each is not None and each[1].over)

    def _place(self, member: Member) -> Path:
        return self.path / RESULTS / f"{member.name}.json"

    def keep(self, member: Member, result: Result) -> None:
        """Keep what became of a member that left nothing itself."""
        results.write(result, self._place(member), dict(member.setting.values), member.seed)

    def log(self, member: Member) -> Path:
        """What its script wrote."""
        return self.path / LOGS / f"{member.name}.txt"

    def clear(self, member: Member) -> None:
        """Take away what a member left that did not come to its end."""
        shutil.rmtree(self.path / member.name, ignore_errors=True)
        self._place(member).unlink(missing_ok=True)

    def last_lines(self, member: Member, count: int) -> list[str]:
        """The end of its log."""
        try:
            text = self.log(member).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return text.splitlines()[-count:]


def open_folder(
    runs: Path, name: str | None, prepared: Prepared, target: Target, steps: int | None
) -> Folder:
    """The folder of a sweep: a new one, or that of the same script with the same arguments.

    Args:
        runs: Folder of all runs.
        name: The user's own; by default of the script and what identifies it.
        prepared: The script.
        target: As it was named.
        steps: Each member's limit.

    Raises:
        SettingError: `name` is taken by a sweep of something else.
        StoreError: It can't be made.
    """
    identity = _identity(prepared, target, steps)
    stem = default_name(prepared.filename, 0.0).rpartition("-1970")[0]
    stem = stem or default_name(prepared.filename, 0.0).rpartition("-1969")[0]
    path = runs / (checked_name(name) if name is not None else f"sweep-{stem}-{identity[:8]}")
    about = path / _ABOUT
    if path.exists() and _kept(about) != identity:
        raise SettingError(
            f"{path} holds something else, or a sweep of another text of {target.name}: give another --name."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        about.write_text(
            json.dumps(
                {"identity": identity, "script": prepared.filename, "arguments": list(target.arguments)}
            ),
            encoding="utf-8",
        )
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from None
    return Folder(path)


def _identity(prepared: Prepared, target: Target, steps: int | None) -> str:
    told: Iterable[object] = (prepared.source, prepared.filename, *target.arguments, steps)
    return hashlib.sha256("\0".join(map(str, told)).encode()).hexdigest()


def _kept(about: Path) -> str | None:
    try:
        return str(json.loads(about.read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
