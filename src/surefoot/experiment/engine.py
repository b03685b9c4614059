"""The experiment: as it is, with each fix, and with those together that help."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from surefoot.capture.script import Target, prepare
from surefoot.errors import NothingTrained, ScriptError, SettingError
from surefoot.experiment.comparing import Form, better, compared, is_small, losses
from surefoot.experiment.reasons import untried
from surefoot.experiment.records import Attempt, Losses, TriedFixes, Untried, Word
from surefoot.experiment.seen import Seen
from surefoot.experiment.trainings import Trainings, Wanted
from surefoot.records import Finding
from surefoot.remedies.base import Proposal
from surefoot.remedies.catalogue import BY_NAME, proposals
from surefoot.report.numbers import number
from surefoot.store.folders import make_folder

Tell = Callable[[str], None]
Goes = Callable[[list[str]], bool]
MOST = 12  # fixes of one script that are tried: more findings than that are not independent
HELP: tuple[Word, ...] = ("helps", "mends")
_ROUNDS = 3  # of fixes on top of each other


@dataclass(frozen=True, slots=True)
class Plan:
    """How to try.

    Args:
        steps: Of each training.
        isolated: Each training runs in a copy of the working folder.
        jobs: Trainings at once; None: one a processor.
        goes_on: Asked before the second training, with the files that the first has written.
    """

    steps: int = 200
    isolated: bool = False
    jobs: int | None = None
    goes_on: Goes = lambda files: True


def try_script(target: Target, plan: Plan, runs: Path, tell: Tell = lambda said: None) -> TriedFixes:
    """Try the fixes of what is found in a script.

    Args:
        target: The script.
        plan: How.
        runs: Folder of all runs.
        tell: Told what is being done.

    Returns:
        What each of them did.

    Raises:
        ScriptError: The script can't be run.
        NothingTrained: It trains nothing.
        SettingError: It writes files, and `goes_on` says no.

    Effects: runs the script once and once for each fix, in processes of their own, with whatever it writes.
    """
    if plan.steps < 1:
        raise SettingError(f"steps is {plan.steps}: give a whole number of at least 1.")
    try:
        prepared = prepare(target)
    except SyntaxError as error:
        where = f"{error.filename or target.name}, line {error.lineno}"
        raise ScriptError(f"{where} is not valid Python: {error.msg}; nothing was run.") from None
    folder = make_folder(runs, f"try-{Path(prepared.filename).name}", None, time.time())
    with Trainings(target, folder.resolve(), plan.steps, plan.isolated, plan.jobs) as trainings:
        return Trying(target, plan, folder, trainings, tell).run()


@dataclass
class Trying:
    """One experiment.

    Attributes:
        base: The script as it is.
        chain: With more fixes each, as far as they help.
        measured: Fixes that give the loss another form.
        form: In which losses are compared.
    """

    target: Target
    plan: Plan
    folder: Path
    trainings: Trainings
    tell: Tell
    form: Form = field(default_factory=Form)
    measured: tuple[Proposal, ...] = ()
    base: Seen = field(init=False)
    chain: list[Seen] = field(default_factory=list)
    words: dict[int, Word] = field(default_factory=dict)  # by id of what was seen
    second: dict[tuple[Proposal, ...], Seen] = field(default_factory=dict)  # from the second seed
    doubted: set[int] = field(default_factory=set)  # ids of what the second seed decided

    def run(self) -> TriedFixes:
        """Do it."""
        self.tell(f"{self.target.name} as it is")
        base = self.trainings.run([Wanted()])[0]
        self._refuse(base)
        verdict = base.verdict
        assert verdict is not None
        wrong = [each for each in base.findings if each.severity != "information"]
        found = TriedFixes(
            self.target.name, verdict, base.findings, self._steps(base), losses([base.history], self.form)[0],
            path=self.folder,
        )  # fmt: skip
        if not wrong:
            return found
        ways = list(_each_once(base, wrong))[:MOST]
        without = tuple(untried(each) for each in wrong if not any(way.code == each.code for way in ways))
        if not ways:
            return replace(found, untried=without)
        files = [] if self.plan.isolated else self.trainings.files
        if files and not self.plan.goes_on(files):
            raise SettingError(
                f"{self.target.name} writes {_listed(files)}, and would again with each of {len(ways)} fixes: "
                "--yes lets it, --isolated runs it in a copy of the working folder."
            )
        self.base = base = self._in_one_form(base, ways)
        alone = self._alone(base, ways)
        self.chain = self._together(alone)
        return self._concluded(found, alone, without)

    # -- the script as it is

    def _refuse(self, base: Seen) -> None:
        if base.history is None:
            raise ScriptError(f"{self.target.name} could not be followed: {base.why.rstrip('.')}.")
        run = base.history.run
        if not run.backwards and not run.steps:
            if run.status == "failed":
                raise ScriptError(f"{self.target.name} failed before it trained: {run.error}.")
            raise NothingTrained(
                f"{self.target.name} trained nothing: no backward pass was seen; is this the script that trains, and "
                "with these arguments?"
            )

    def _steps(self, base: Seen) -> int:
        return min(self.plan.steps, base.history.run.steps) if base.history is not None else 0

    def _in_one_form(self, base: Seen, ways: Sequence[Proposal]) -> Seen:
        """Where a fix gives the loss another form, all are compared in that one: once more as it is, measured."""
        self.measured = tuple(way for way in ways if BY_NAME[way.remedy].redefines)
        turned = any(way.remedy == "turn-sign" for way in ways)
        self.form = Form(bool(self.measured), turned)
        if not self.measured:
            return base
        return self.trainings.run([Wanted(measured=self.measured)])[0]

    # -- trainings with fixes

    def _tried(self, several: Sequence[tuple[Proposal, ...]], seed: int = 0) -> list[Seen]:
        return self.trainings.run([Wanted(fixes, seed, self._measured(fixes)) for fixes in several])

    def _measured(self, fixes: Sequence[Proposal]) -> tuple[Proposal, ...]:
        names = {fix.remedy for fix in fixes}
        return tuple(each for each in self.measured if each.remedy not in names)

    def _alone(self, base: Seen, ways: Sequence[Proposal]) -> list[tuple[Seen, Word]]:
        self.tell(f"{len(ways)} fix{'es' if len(ways) > 1 else ''}, each by itself")
        several = self._tried([(way,) for way in ways])
        return list(zip(several, self._words(base, several), strict=True))

    def _words(self, before: Seen, several: Sequence[Seen]) -> list[Word]:
        """What each did; where that is little, a second seed must say the same."""
        found = [self._word(before, each) for each in several]
        doubtful = [
            place
            for place, word in enumerate(found)
            if word == "helps" and self._is_small(before, several[place])
        ]
        if doubtful:
            self.tell(f"{len(doubtful)} of them from a second seed, as they differ little")
            again = [before.fixes, *(several[place].fixes for place in doubtful)]
            new = [fixes for fixes in again if fixes not in self.second]
            self.second.update(zip(new, self._tried(new, seed=1), strict=True))
            for place in doubtful:
                found[place] = self._word(self.second[before.fixes], self.second[several[place].fixes])
                self.doubted.add(id(several[place]))
        self.words.update({id(seen): word for seen, word in zip(several, found, strict=True)})
        return found

    def _word(self, before: Seen, after: Seen) -> Word:
        if after.failure and not before.failure:
            return "failed"
        if before.failure and not after.failure:
            return "helps"
        one, other = losses([before.history, after.history], self.form)
        word = better(one, other)
        if word == "better":
            return "helps"
        if after.fixes[-1].code in before.codes - after.codes and self._is_small(before, after):
            return "mends"
        return "worse" if word == "worse" else "no help"

    def _is_small(self, before: Seen, after: Seen) -> bool:
        return is_small(*losses([before.history, after.history], self.form))

    def _together(self, alone: Sequence[tuple[Seen, Word]]) -> list[Seen]:
        """Greedily, the main finding's fix first, until it is healthy or nothing helps more."""
        helping = [seen for wanted in HELP for seen, word in alone if word == wanted]
        if not helping:
            return []
        order = [each.code for each in self.base.findings]
        first = min((seen.fixes[0].code for seen in helping), key=order.index)
        chain = [self._best([each for each in helping if each.fixes[0].code == first])]
        for _ in range(_ROUNDS):
            last = chain[-1]
            ways = [] if _is_healthy(last) else self._next(last, alone)
            if not ways:
                break
            self.tell(f"{len(ways)} more on top of: {', '.join(fix.said for fix in last.fixes)}")
            several = self._tried([(*last.fixes, way) for way in ways])
            words = self._words(last, several)
            helped = [seen for seen, word in zip(several, words, strict=True) if word in HELP]
            if not helped:
                break
            chain.append(self._best(helped))
        return chain

    def _next(self, last: Seen, alone: Sequence[tuple[Seen, Word]]) -> list[Proposal]:
        """Fixes of what is still found, and those that helped alone; of each remedy that is not at work yet."""
        wrong = [each for each in last.findings if each.severity != "information"]
        codes = {each.code for each in wrong}
        ways = list(_each_once(last, wrong))
        ways += [seen.fixes[0] for seen, word in alone if word in HELP and seen.fixes[0].code in codes]
        at_work = {_family(fix) for fix in last.fixes}
        unique = {way.key: way for way in ways if _family(way) not in at_work}
        return list(unique.values())[:MOST]

    def _best(self, several: Sequence[Seen]) -> Seen:
        """The lowest loss; the healthy before the others."""
        figures = losses([each.history for each in several], self.form)
        ranked = sorted(
            zip(several, figures, strict=True),
            key=lambda pair: (len(pair[0].codes), _finite(compared(pair[1]))),
        )
        return ranked[0][0]

    # -- what it came to

    def _concluded(
        self,
        found: TriedFixes,
        alone: Sequence[tuple[Seen, Word]],
        without: tuple[Untried, ...],
    ) -> TriedFixes:
        base = self.base
        every = [base, *(seen for seen, _ in alone), *self.chain]
        figures = dict(zip(map(id, every), losses([e.history for e in every], self.form), strict=True))
        validated = figures[id(base)].validation is not None
        return replace(
            found,
            losses=figures[id(base)],
            measure="validation loss" if validated else "training loss",
            note=self._note(),
            together=tuple(
                self._attempt(base, seen, self.words[id(seen)], figures[id(seen)]) for seen in self.chain
            ),
            alone=tuple(self._attempt(base, seen, word, figures[id(seen)]) for seen, word in alone),
            untried=without,
        )

    def _note(self) -> str:
        if self.measured:
            named = ", ".join(dict.fromkeys(fix.said for fix in self.measured))
            return f"all losses are measured in the form that they have with: {named}"
        return "all losses are shown with their sign turned" if self.form.turned else ""

    def _attempt(self, base: Seen, seen: Seen, word: Word, figures: Losses) -> Attempt:
        seeds = 2 if id(seen) in self.doubted else 1
        gone = tuple(sorted(base.codes - seen.codes)) if not seen.failure else ()
        return Attempt(seen.fixes, figures, word, gone, seen.verdict, seen.failure, seeds)


def _each_once(seen: Seen, wrong: Sequence[Finding]) -> Iterator[Proposal]:
    met = set()
    assert seen.history is not None
    for finding in wrong:
        for way in proposals(finding, seen.history):
            if way.key not in met:
                met.add(way.key)
                yield way


def _family(fix: Proposal) -> str:
    """Rates go one way only."""
    return "rate" if fix.remedy in ("lower-rate", "raise-rate") else fix.remedy


def _is_healthy(seen: Seen) -> bool:
    return seen.verdict is not None and seen.verdict.word == "healthy"


def _finite(value: float) -> float:
    return value if value == value else float("inf")


def _listed(files: Sequence[str]) -> str:
    shown = ", ".join(Path(file).name for file in files[:3])
    return f"{shown} and {number(len(files) - 3)} more files" if len(files) > 3 else shown
