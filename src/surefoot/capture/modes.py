"""Train and eval mode, of the models that a backward reaches and of those that are evaluated."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Iterator

from torch import Tensor, nn

from surefoot.capture.model import Model
from surefoot.capture.place import Site, caller_site, text_of
from surefoot.facts import Fact, TrainingMode, ValidationMode

_MOST_NAMES = 20


class _Count:
    """Forwards or backwards of one phase, and those whose mode was wrong for it."""

    def __init__(self) -> None:
        self.looked = 0
        self.wrong = 0
        self.first: int | None = None
        self.modules: list[str] = []
        self.place: str | None = None
        self.model = ""


class Modes:
    """Counts what was in which mode."""

    def __init__(self) -> None:
        self._training = _Count()
        self._partial = False
        self._switched = False
        self._validation = _Count()
        self._repeats = False
        self._functional = False  # dropout as a function, active in eval mode
        self._last_input: tuple[weakref.ref[Tensor], int, int] | None = None

    def evaluated(self, model: Model, module: nn.Module, batch: Tensor | None, step: int) -> None:
        """A model runs without gradients."""
        if not model.trained:
            return  # a teacher or a frozen feature extractor inside a training step
        count = self._validation
        count.looked += 1
        if batch is not None:
            # The same batch again with no step between: passes that are averaged.
            version = 0 if batch.is_inference() else batch._version
            last, self._last_input = self._last_input, (weakref.ref(batch), version, step)
            self._repeats |= last is not None and last[0]() is batch and last[1:] == (version, step)
        wrong = [name for name, child in model.sensitive if child.training]
        if wrong and module.training:
            count.wrong += 1
            count.modules = wrong[:_MOST_NAMES]
            self._note_validation(model, step)

    def dropped(self, model: Model, step: int) -> None:
        """A dropout function drops in a trained model that is in eval mode and wants no gradient."""
        self._functional = True
        self._note_validation(model, step)

    def _note_validation(self, model: Model, step: int) -> None:
        count = self._validation
        count.model = model.name
        count.place = count.place or text_of(caller_site())
        if count.first is None:
            count.first = step

    def trained(self, models: Iterable[Model], site: Site | None, step: int) -> None:
        """A backward is called at `site` that reaches these models; a few attribute reads."""
        count = self._training
        for model in models:
            if not model.trained or not model.sensitive or model.ref() is None:
                continue
            count.looked += 1
            asleep = [name for name, child in model.sensitive if not child.training]
            if not asleep:
                self._switched = True
                continue
            count.modules = asleep[:_MOST_NAMES]
            self._switched |= model.seen_awake
            self._partial = len(asleep) < len(model.sensitive)
            if self._partial:
                continue
            count.wrong += 1
            if count.first is None:
                count.first = step
                count.place = text_of(site)

    def facts(self, models: Collection[Model]) -> Iterator[Fact]:
        """The modes of both phases."""
        training, validation = self._training, self._validation
        yield TrainingMode(
            looked=training.looked,
            in_eval=training.wrong,
            first_in_eval=training.first,
            modules=tuple(training.modules),
            partial=self._partial,
            switched=self._switched,
            frozen=_frozen_share(models, training.modules),
            place=training.place,
        )
        yield ValidationMode(
            looked=validation.looked,
            in_train=validation.wrong,
            first_in_train=validation.first,
            modules=tuple(validation.modules),
            model=validation.model,
            place=validation.place,
            same_input_repeats=self._repeats,
            functional_dropout=self._functional,
        )


def _frozen_share(models: Iterable[Model], names: Iterable[str]) -> float:
    wanted = set(names)
    flags = [
        not parameter.requires_grad
        for model in models
        for name, child in model.sensitive
        if name in wanted
        for parameter in child.parameters(recurse=False)
    ]
    return sum(flags) / len(flags) if flags else 0.0
