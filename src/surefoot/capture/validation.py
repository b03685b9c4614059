"""Evaluations between two steps: their batches come in, and the loss of each split goes out when they are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.capture.deferred import Deferred
from surefoot.capture.evaluation import Batch, Figure, Pass, figure, passes
from surefoot.capture.host import host_number
from surefoot.capture.place import caller_frame, caller_frames, site_of, text_of
from surefoot.capture.reading import Reading
from surefoot.capture.scope import arguments, multiplies, numbers, variables
from surefoot.capture.splits import DataSets, Split, the_validation
from surefoot.facts import Fact, ValidationLoss

MetricSink = Callable[[str, int, float], None]

_MOST_BATCHES = 20_000  # of evaluations between two steps
_MOST_FRAMES = 6
_LONGEST_NAME = 40
_COMPREHENSIONS = frozenset({"<genexpr>", "<listcomp>"})  # nothing else is done to a value there
_PLAIN = (str, bytes, int, float, bool, type(None), nn.Module, torch.device, torch.dtype, type)


class Recipe:
    """What training makes of its loss functions' values.

    Args:
        functions: Those that enter one backward, in order.
    """

    def __init__(self, functions: tuple[str, ...]) -> None:
        self.functions = functions
        self.whole = True  # backward starts from the value alone, or a multiple of it
        self.root: str | None = None  # the variable that held what backward started from


class Validation:
    """Collects evaluated batches; at the end of an evaluation gives each split's loss.

    Args:
        deferred: Where device numbers wait for the next flush.
        metric: Called with (name, step, value).
        guarded: Keeps a callback's errors away from the training.
    """

    def __init__(
        self,
        deferred: Deferred,
        metric: MetricSink,
        guarded: Callable[[Callable[..., None]], Callable[..., None]] = lambda call: call,
    ) -> None:
        self.logged: set[str] = set()  # metrics that the program gives itself
        self.data = DataSets()
        self.reading = Reading(guarded(self.read))
        self._deferred = deferred
        self._metric = metric
        self.batches: list[Batch] = []
        self.open: Batch | None = None  # its numbers are being read
        self.recipes: dict[tuple[str, ...], Recipe] = {}
        self._splits: list[Split] = []
        self._validation: Split | None = None
        self._names: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._shown: ValidationLoss | None = None
        self._globals: Mapping[str, Any] = {}

    # -- training

    def trained(self, functions: tuple[str, ...], whole: bool | None, root: Tensor | None) -> None:
        """A backward starts from these loss functions' values.

        Args:
            functions: In the order of their calls.
            whole: It starts from the one value alone; None: not looked at.
            root: The tensor that it starts from, at a look.
        """
        recipe = self.recipes.get(functions)
        if recipe is None:
            recipe = self.recipes[functions] = Recipe(functions)
        if whole is not None:
            recipe.whole = whole
        if root is not None and not recipe.whole:
            frame = caller_frame()
            held = variables(frame) if frame is not None else {}
            recipe.root = next((name for name, value in held.items() if value is root), recipe.root)

    def _recipe(self, functions: tuple[str, ...]) -> Recipe | None:
        exact = self.recipes.get(functions)
        if exact is not None:
            return exact
        return next((r for r in self.recipes.values() if r.functions[: len(functions)] == functions), None)

    # -- evaluation

    def batch(self, function: str, value: Tensor, weight: int, summed: bool) -> Batch | None:
        """A loss function returned `value` for an evaluated batch, which the caller adds when it is sure."""
        number = host_number(value)
        found = value.detach().reshape(()).clone() if number is None else number
        last = self.open
        if last is not None and self._goes_on(last, function):
            last.functions += (function,)
            last.values.append(found)
            return None
        frames = list(caller_frames(_MOST_FRAMES))
        scopes = [variables(frame) for frame in frames]
        marks, given = self._marks(frames, scopes)
        made = Batch(
            (function,),
            tuple(site_of(frame) for frame in frames),
            marks,
            given,
            self.data.running,
            self.data.serial,
            weight,
            summed,
            [found],
        )
        if last is not None and last.chain == made.chain:
            self._vote(last, scopes)
        if frames:
            self._globals = frames[-1].f_globals
            if frames[0].f_code.co_name in _COMPREHENSIONS and not multiplies(frames[0].f_code):
                made.votes.add("batches")
        self.open = made
        self.reading.begin()
        return made

    def _goes_on(self, last: Batch, function: str) -> bool:
        """Whether a call is one more term of the same batch's loss."""
        wanted = (*last.functions, function)
        return any(len(f) >= len(wanted) and f[: len(wanted)] == wanted for f in self.recipes)

    def knows(self, functions: tuple[str, ...]) -> bool:
        """Whether a backward has started from these loss functions before."""
        return functions in self.recipes

    @property
    def knows_training(self) -> bool:
        """Whether some backward has started from a loss function."""
        return bool(self.recipes)

    @property
    def count(self) -> int:
        """Batches of this evaluation so far."""
        return len(self.batches)

    def drop(self, since: int) -> None:
        """Leave the batches after the first `since` out: something else stands for them."""
        del self.batches[since:]
        self.open = self.batches[-1] if self.batches else None

    def add(self, batch: Batch | None) -> None:
        """The batch is an evaluated one for sure."""
        if batch is not None and len(self.batches) < _MOST_BATCHES:
            self.batches.append(batch)

    def read(self, tensor: Tensor, number: float) -> None:
        """The script reads a number from a tensor, while an evaluation may be under way."""
        batch = self.open
        if batch is None or not tensor.is_floating_point():
            return
        recipe = self._recipe(batch.functions)
        name = None
        if recipe is not None and not recipe.whole and recipe.root is not None:
            frame = caller_frame()
            held = variables(frame) if frame is not None else {}
            name = recipe.root if held.get(recipe.root) is tensor else None
        batch.note(float(number), name)

    def _vote(self, last: Batch, scopes: Sequence[Mapping[str, Any]]) -> None:
        """How the script adds up: after one batch its sum is that batch's loss, or that times the examples."""
        first = [v for v in last.values if isinstance(v, float)] + [number for number, _ in last.read]
        if last.weight < 2 or last.votes or not first:
            return
        held = {number for scope in scopes[:3] for number in numbers(scope)}
        for number in first:
            if _within(number * last.weight, held):
                last.votes.add("examples")
            elif _within(number, held):
                last.votes.add("batches")
        if "examples" in last.votes:
            last.votes = {"examples"}

    def _marks(
        self, frames: Sequence[FrameType], scopes: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        marks: dict[str, Any] = {}
        given = set()
        for place, (frame, scope) in enumerate(zip(frames, scopes, strict=True)):
            own = arguments(frame)
            for name, value in list(scope.items()):
                key = f"{frame.f_code.co_name}.{name}"
                if isinstance(value, str):
                    if len(value) <= _LONGEST_NAME and not name.startswith("__"):
                        marks[key] = value
                elif name in own and not isinstance(value, _PLAIN) and not callable(value):
                    outer = [*scopes[place + 1 :], frame.f_globals]
                    if names := self._names_of(key, value, outer):
                        marks[key] = names
                if name in own:
                    given.add(key)
        return marks, frozenset(given)

    def _names_of(self, key: str, value: Any, scopes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """What the functions around call the same object: variables, and keys of dictionaries."""
        known = self._names.get(key)
        if known is not None and known[0] == id(value) and known[1]:
            return known[1]
        names: dict[str, None] = {}
        for scope in scopes:
            for name, held in list(scope.items()):
                if held is value:
                    names[name] = None
                elif type(held) is dict and len(held) <= 16:
                    names.update({str(k): None for k, inner in held.items() if inner is value})
        self._names[key] = (id(value), tuple(names))
        return self._names[key][1]

    def forget(self) -> None:
        """Drop what waits."""
        self.batches, self.open = [], None
        self.reading.end()

    # -- the end of an evaluation

    @property
    def evaluating(self) -> bool:
        """Whether an evaluation is under way."""
        return bool(self.batches)

    def close(self, step: int, ending: bool = False) -> None:
        """No further batch belongs to this evaluation.

        Args:
            step: Steps taken so far.
            ending: The training is over; else a backward is about to begin.
        """
        batches, self.batches = self.batches, []
        self.open = None
        self.reading.end()
        if not ending:
            late = [batch for batch in batches if batch.serial == self.data.serial]
            if self.data.trained(bool(late)):
                for batch in late:
                    batch.data = None
        if not batches:
            return
        held = [variables(frame) for frame in caller_frames(_MOST_FRAMES)] if not ending else [self._globals]
        seen = [number for scope in held for number in numbers(scope)]
        found = self._assigned(passes(batches))
        chosen = the_validation(found, self._validation, self.data.trained_on, ending)
        if chosen is not None:
            self._validation = chosen
        for one, split in found:
            split.met(one)
            self._emit(one, split, step, [*seen, *(n for b in one.batches for n, _ in b.read)])

    def _assigned(self, found: Sequence[Pass]) -> list[tuple[Pass, Split]]:
        """Passes of one time with their splits: no split is evaluated by two of them."""
        given: dict[int, Split] = {}
        for sure in (True, False):
            for place, one in enumerate(found):
                if place not in given:
                    free = [split for split in self._splits if split not in given.values()]
                    for split in free:
                        if split.same_data(one) if sure else split.holds(one, self.data):
                            given[place] = split
                            break
        for place, one in enumerate(found):
            if place not in given:
                given[place] = Split(one)
                self._splits.append(given[place])
        return [(one, given[place]) for place, one in enumerate(found)]

    def _emit(self, one: Pass, split: Split, step: int, seen: list[float]) -> None:
        validation = split is self._validation
        name = "val_loss" if validation else f"{split.name}_loss" if split.name and split.kind else None
        if name is None or name in self.logged or (name == "val_loss" and not validation):
            return

        def receive(values: list[float]) -> None:
            rows, start = [], 0
            for batch in one.batches:
                rows.append(values[start : start + len(batch.values)])
                start += len(batch.values)
            recipe = self._recipe(one.functions)
            whole = recipe is None or (recipe.whole and recipe.functions == one.functions)
            made = figure(one, rows, whole, recipe.root if recipe is not None else None, seen)
            if made is not None:
                self._metric(name, step, made.value)
            if validation:
                self._show(one, split, made)

        flat = [value for batch in one.batches for value in batch.values]
        if all(isinstance(value, float) for value in flat):
            receive([float(value) for value in flat])
        else:
            self._deferred.add(torch.stack([torch.as_tensor(value).double() for value in flat]), receive)

    def _show(self, one: Pass, split: Split, made: Figure | None) -> None:
        self._shown = ValidationLoss(
            "run",
            split=split.name,
            functions=one.functions,
            place=text_of(one.chain[0]) if one.chain else None,
            shown=made is not None,
            part=made is None or made.part,
            per=made.per if made is not None else None,
            summed=one.summed,
            examples=sum(batch.weight for batch in one.batches),
        )

    def facts(self) -> Iterator[Fact]:
        """What the validation loss is."""
        if self._shown is not None:
            yield self._shown


def _within(number: float, held: set[float]) -> bool:
    return number in held or any(abs(number - other) <= 3e-6 * abs(number) for other in held)
