"""Shuffle what a data loader gives in training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from surefoot.capture.patches import Patches
from surefoot.records import Finding, History
from surefoot.remedies.base import Proposal, Remedy
from surefoot.remedies.hooks import Hooks


class Shuffle(Remedy):
    """Another order each epoch."""

    name = "shuffle"
    answers = ("unshuffled-data",)
    said = "shuffle"

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """Where a loader of PyTorch's reads in order."""
        if finding.evidence.get("sampler") == "SequentialSampler":
            yield self.proposal(finding)

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Give loaders that read in order a random sampler when they are iterated with gradients."""
        hooks.patching.append(_shuffle)


def _shuffle(patches: Patches) -> None:
    def make(original: Any) -> Any:
        def iterate(loader: Any) -> Any:
            sampler = getattr(loader.batch_sampler, "sampler", None)
            if type(sampler) is SequentialSampler and torch.is_grad_enabled():
                generator = torch.Generator().manual_seed(0)
                loader.batch_sampler.sampler = RandomSampler(loader.dataset, generator=generator)
            return original(loader)

        return iterate

    patches.add(DataLoader, "__iter__", make)
