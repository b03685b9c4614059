"""The data loaders: their order, and whether what they give is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Counts
from surefoot.capture.place import Site, caller_site, text_of
from surefoot.facts import Fact, Loader
from surefoot.interrupts import pass_on


class _Loader:
    def __init__(self, loader: Any) -> None:
        sampler = getattr(loader, "sampler", None)
        self.sampler = type(sampler).__name__
        batch_sampler = type(getattr(loader, "batch_sampler", None)).__name__
        plain = batch_sampler in ("BatchSampler", "NoneType")
        orders = {"SequentialSampler": False, "RandomSampler": True, "WeightedRandomSampler": True,
                  "SubsetRandomSampler": True}  # fmt: skip
        self.shuffled = orders.get(self.sampler) if plain else None
        if self.sampler == "DistributedSampler":
            self.shuffled = bool(getattr(sampler, "shuffle", True))
        self.batch_size = getattr(loader, "batch_size", None)
        self.drop_last = bool(getattr(loader, "drop_last", False))
        self.size = _length(getattr(loader, "dataset", None))
        self.iterations = 0
        self.backwards = 0


class LoadersProbe(Probe):
    """Notes each place that iterates a loader.

    Args:
        counts: How far the training is.
    """

    name = "loaders"

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._seen: dict[Site | None, _Loader] = {}
        self._open: tuple[_Loader, int] | None = None

    def loader_iterated(self, loader: Any) -> None:
        """What comes until the next one is made comes from this one."""
        self._settle()
        site = caller_site()
        known = self._seen.get(site)
        if known is None:
            known = self._seen[site] = _Loader(loader)
        known.iterations += 1
        self._open = (known, self._counts.backwards)

    def _settle(self) -> None:
        if self._open is not None:
            loader, before = self._open
            loader.backwards += self._counts.backwards - before
            self._open = (loader, self._counts.backwards)

    def facts(self) -> Iterator[Fact]:
        """One fact for each place that iterates a loader."""
        self._settle()
        for site, loader in self._seen.items():
            yield Loader(
                str(text_of(site)),
                place=text_of(site),
                phase="train" if loader.backwards else "validation",
                shuffled=loader.shuffled,
                sampler=loader.sampler,
                batch_size=loader.batch_size,
                dataset_size=loader.size,
                drop_last=loader.drop_last,
                iterations=loader.iterations,
            )


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except TypeError as error:
        pass_on(error)
        return None
