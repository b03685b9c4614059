"""Random number generators: seeded apart, kept, and put back, so that a run repeats bitwise."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


def derived_seed(*parts: int) -> int:
    """Seed of 63 bits that depends on all parts; different parts give unrelated streams.

    Example:
        >>> derived_seed(0, 1) == derived_seed(0, 1), derived_seed(0, 1) == derived_seed(1, 0)
        (True, False)
    """
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(examples: int, *, seed: int, epoch: int) -> list[int]:
    """Order in which `fit` visits the examples of an epoch.

    Args:
        examples: How many there are.
        seed: The run's seed.
        epoch: Counted from 0.

    Returns:
        A permutation of range(examples) that depends on the arguments alone.

    Example:
        >>> sorted(epoch_order(5, seed=0, epoch=0))
        [0, 1, 2, 3, 4]
    """
    return epoch_permutation(examples, seed=seed, epoch=epoch).tolist()


def epoch_permutation(examples: int, *, seed: int, epoch: int) -> Tensor:
    """`epoch_order` as a tensor of int64."""
    generator = torch.Generator().manual_seed(derived_seed(seed, epoch))
    return torch.randperm(examples, generator=generator)


def seed_everything(seed: int) -> None:
    """Seed python, NumPy and torch on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """State of every generator of this process: python, NumPy, torch on the host and on its accelerators."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put back what `random_state` gave."""
    random.setstate(state["python"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Put every generator back at the end, whatever was drawn in between."""
    before = random_state()
    try:
        yield
    finally:
        set_random_state(before)


class HostStream:
    """Random numbers of the host's generators that nothing else draws from, for reading data.

    Args:
        seed: Where the stream starts.
    """

    def __init__(self, seed: int) -> None:
        self._seed: int | None = seed
        self._state: tuple[Any, Any, Any] | None = None

    def __enter__(self) -> None:
        self._outside = _host_state()
        if self._state is None:
            assert self._seed is not None
            random.seed(self._seed)
            np.random.seed(self._seed % 2**32)
            # The accelerators' generators stay as they are.
            torch.default_generator.manual_seed(self._seed)
        else:
            _set_host_state(self._state)

    def __exit__(self, *error: object) -> None:
        self._state = _host_state()
        _set_host_state(self._outside)


def _host_state() -> tuple[Any, Any, Any]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _set_host_state(state: tuple[Any, Any, Any]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
