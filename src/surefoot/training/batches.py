"""Batches as the loop takes them: micro-batches for each optimizer step, in an order known beforehand.

A batch is a function of (seed, epoch, place in the epoch) alone, never of what was drawn before, so a run
can go on in the middle of an epoch, on any number of processes and workers, with the very batches it would
have had.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from surefoot.training.random_state import HostStream, derived_seed, epoch_permutation


@dataclass(slots=True)
class MicroBatch:
    """What one process computes in one backward.

    Args:
        data: Tensors in a tuple, list or dictionary, with this process's share of the examples.
        share: Examples in `data` that count; 0 for a process that only keeps the others company.
    """

    data: Any
    share: int


@dataclass(slots=True)
class StepBatch:
    """What one process computes in one optimizer step.

    Args:
        micro: In order; the same number on every process.
        examples: Examples of the step on all processes together.
        reference: Most examples of a micro-batch of this step on one process: losses are scaled against it.
    """

    micro: Sequence[MicroBatch]
    examples: int
    reference: int


@dataclass(frozen=True)
class Split:
    """How examples are put into steps.

    Args:
        batch_size: Examples in one micro-batch, all processes together; "full" for all there are in one step.
        accumulate: Micro-batches in one step.
        shuffle: A new order each epoch.
        drop_last: Leave out what does not fill a micro-batch.
        seed: Of the order.
        rank: This process.
        processes: How many there are.
    """

    batch_size: int | Literal["full"]
    accumulate: int = 1
    shuffle: bool = True
    drop_last: bool = False
    seed: int = 0
    rank: int = 0
    processes: int = 1

    def micro_size(self, examples: int) -> int:
        """Examples in one full micro-batch, all processes together."""
        return ceil(examples / self.accumulate) if self.batch_size == "full" else self.batch_size

    def micro_count(self, examples: int) -> int:
        """Micro-batches in one epoch."""
        size = self.micro_size(examples)
        return examples // size if self.drop_last and self.batch_size != "full" else ceil(examples / size)

    def steps(self, examples: int) -> int:
        """Optimizer steps in one epoch."""
        return ceil(self.micro_count(examples) / self.accumulate)

    def indices(self, examples: int, epoch: int, start: int) -> Iterator[list[Tensor]]:
        """For each step from `start` on: the indices of its micro-batches, all processes together."""
        if self.shuffle and self.batch_size != "full":
            order = epoch_permutation(examples, seed=self.seed, epoch=epoch)
        else:
            order = torch.arange(examples)
        size, last = self.micro_size(examples), self.micro_count(examples)
        for first in range(start * self.accumulate, last, self.accumulate):
            numbers = range(first, min(first + self.accumulate, last))
            yield [order[number * size : (number + 1) * size] for number in numbers]

    def own(self, indices: Tensor) -> tuple[Tensor, int]:
        """This process's indices of a micro-batch and how many of them count."""
        if self.processes == 1:
            return indices, len(indices)
        mine = indices[self.rank :: self.processes]
        # Every process takes part in every backward; one without an example repeats one that weighs nothing.
        return (mine, len(mine)) if len(mine) else (indices[:1], 0)

    def step_batch(self, micro: Sequence[MicroBatch], sizes: Sequence[int]) -> StepBatch:
        """A step of micro-batches that have these sizes on all processes together."""
        return StepBatch(micro, sum(sizes), ceil(max(sizes) / self.processes))


class Source(ABC):
    """Where batches come from.

    Attributes:
        steps_per_epoch: Optimizer steps in one epoch; None where only the end of the data tells.
        examples: Examples in one epoch; None likewise.
        batch_size: As the split has it; None for batches that somebody else made.
    """

    steps_per_epoch: int | None = None
    examples: int | None = None
    batch_size: int | Literal["full"] | None = None

    @abstractmethod
    def steps(self, epoch: int, start: int = 0) -> Iterator[StepBatch]:
        """The steps of an epoch from step `start` on."""


class Tensors(Source):
    """Batches cut out of whole tensors.

    Args:
        data: Tensors of equal first dimension in a tuple, list or dictionary.
        split: How to cut.
    """

    def __init__(self, data: Any, split: Split) -> None:
        self._data = data
        self._split = split
        self.examples = first_dimension(data)
        self.batch_size = split.batch_size
        self.steps_per_epoch = split.steps(self.examples)

    def steps(self, epoch: int, start: int = 0) -> Iterator[StepBatch]:
        """The steps of an epoch from step `start` on."""
        split, examples = self._split, self.examples or 0
        for micro in split.indices(examples, epoch, start):
            found = []
            for indices in micro:
                mine, share = split.own(indices)
                # All of them in order: no copy.
                whole = len(mine) == examples and not split.shuffle
                found.append(MicroBatch(self._data if whole else _taken(self._data, mine), share))
            yield split.step_batch(found, [len(indices) for indices in micro])


class Examples(Source):
    """Batches that a DataLoader fetches from a dataset, with or without worker processes.

    Args:
        dataset: Map-style.
        split: How to cut.
        options: Further arguments of the DataLoader: num_workers, collate_fn, pin_memory …
    """

    def __init__(self, dataset: Dataset[Any], split: Split, options: dict[str, Any]) -> None:
        self.examples = len(dataset)  # type: ignore[arg-type]
        self.steps_per_epoch = split.steps(self.examples)
        self.batch_size = split.batch_size
        self._split = split
        self._order = _EpochBatches(split, self.examples)
        # A generator of its own: a DataLoader draws a seed whenever an epoch begins.
        self._loader: DataLoader[Any] = DataLoader(
            _SeededDataset(dataset),
            batch_sampler=self._order,
            generator=torch.Generator().manual_seed(split.seed),
            **options,
        )

    def steps(self, epoch: int, start: int = 0) -> Iterator[StepBatch]:
        """The steps of an epoch from step `start` on."""
        split, examples = self._split, self.examples or 0
        self._order.epoch, self._order.start = epoch, start
        batches = iter(self._loader)
        for micro in split.indices(examples, epoch, start):
            found = [MicroBatch(next(batches), split.own(indices)[1]) for indices in micro]
            yield split.step_batch(found, [len(indices) for indices in micro])


class Ready(Source):
    """Batches that somebody else made: any iterable that can be gone through once an epoch.

    Each process goes through all of them and takes its share of each. To begin in the middle of an epoch, the
    batches before are fetched and dropped.

    Args:
        batches: For example a list of batches, or a DataLoader with a sampler of its own.
        split: Its batch size, shuffle and drop_last do not count.
    """

    def __init__(self, batches: Iterable[Any], split: Split) -> None:
        self._batches = batches
        self._split = split
        try:
            self.steps_per_epoch = ceil(len(batches) / split.accumulate)  # type: ignore[arg-type]
        except TypeError:  # a DataLoader over a stream has a __len__ that raises
            pass

    def steps(self, epoch: int, start: int = 0) -> Iterator[StepBatch]:
        """The steps of an epoch from step `start` on."""
        split = self._split
        sampler = getattr(self._batches, "sampler", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)  # type: ignore[union-attr]
        # What the data draws must not depend on what the model drew in between.
        stream = HostStream(derived_seed(split.seed, epoch, 1))
        with stream:
            batches = iter(self._batches)

        def fetched() -> Iterator[Any]:
            while True:
                with stream:
                    try:
                        batch = next(batches)
                    except StopIteration:
                        return
                yield batch

        rest = fetched()
        for _ in islice(rest, start * split.accumulate):
            pass
        while group := list(islice(rest, split.accumulate)):
            sizes = [first_dimension(batch) for batch in group]
            found = []
            for batch, size in zip(group, sizes, strict=True):
                mine, share = split.own(torch.arange(size))
                found.append(MicroBatch(batch if split.processes == 1 else _taken(batch, mine), share))
            yield split.step_batch(found, sizes)


class _SeededIndices(list[int]):
    """Indices of one micro-batch with the seed of whatever its examples draw."""

    def __init__(self, indices: Sequence[int], seed: int) -> None:
        super().__init__(indices)
        self.seed = seed


class _EpochBatches(Sampler[list[int]]):
    """Micro-batches of this process, from any epoch and step on."""

    def __init__(self, split: Split, examples: int) -> None:
        self.split = split
        self.examples = examples
        self.epoch = self.start = 0

    def __iter__(self) -> Iterator[list[int]]:
        number = self.start * self.split.accumulate
        for micro in self.split.indices(self.examples, self.epoch, self.start):
            for indices in micro:
                mine, _ = self.split.own(indices)
                seed = derived_seed(self.split.seed, self.epoch, 2, number, self.split.rank)
                yield _SeededIndices(mine.tolist(), seed)
                number += 1

    def __len__(self) -> int:
        return self.split.micro_count(self.examples)


class _SeededDataset(Dataset[Any]):
    """A dataset whose random augmentations depend on the batch alone, in any process."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        with HostStream(indices.seed if isinstance(indices, _SeededIndices) else 0):
            many = getattr(self.dataset, "__getitems__", None)
            if many is not None:
                return list(many(list(indices)))
            return [self.dataset[index] for index in indices]

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]


def first_dimension(data: Any) -> int:
    """Examples in a batch: the first dimension of its first tensor."""
    if isinstance(data, Tensor):
        return len(data) if data.ndim else 1
    if isinstance(data, dict):
        return next((first_dimension(value) for value in data.values() if _holds_tensor(value)), 1)
    if isinstance(data, tuple | list):
        return next((first_dimension(value) for value in data if _holds_tensor(value)), 1)
    return first_dimension(vars(data)) if hasattr(data, "__dict__") else 1


def _holds_tensor(data: Any) -> bool:
    return isinstance(data, Tensor | dict | tuple | list)


def _taken(data: Any, places: Tensor) -> Any:
    """The same structure with these examples only."""
    if isinstance(data, Tensor):
        return data.index_select(0, places if data.is_cpu else places.to(data.device))
    if isinstance(data, dict):
        return {key: _taken(value, places) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(_taken(value, places) for value in data))
    if isinstance(data, tuple | list):
        return type(data)(_taken(value, places) for value in data)
    return data
