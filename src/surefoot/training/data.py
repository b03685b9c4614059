"""From what users hand over as data to a source of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)

from surefoot.errors import SettingError
from surefoot.training.batches import Examples, Ready, Source, Split, Tensors, first_dimension

DEFAULT_BATCH_SIZE = 32


def source_of(data: Any, split: Split, *, batch_size_given: bool, workers: int = 0) -> Source:
    """Batches of whatever `fit` was given.

    Args:
        data: Tensors or NumPy arrays (one, or a tuple, list or dictionary of equal first dimension); a
            map-style dataset; a DataLoader; or any iterable of ready batches.
        split: How to cut it.
        batch_size_given: The user named a batch size, so that a DataLoader's own does not count.
        workers: Worker processes for a dataset.

    Raises:
        SettingError: It is nothing of the kind, it is empty, or a batch size is asked of ready batches.
    """
    source = _source(data, split, batch_size_given, workers)
    if source.examples == 0 or source.steps_per_epoch == 0:
        raise SettingError(
            "There is no batch in the data: give at least one example (drop_last may drop all)."
        )
    if split.batch_size != "full" and source.examples is not None and split.batch_size < split.processes:
        raise SettingError(
            f"batch_size {split.batch_size} cannot be shared by {split.processes} processes: "
            "give each process at least one example."
        )
    return source


def _source(data: Any, split: Split, batch_size_given: bool, workers: int) -> Source:
    if isinstance(data, DataLoader):
        return _of_loader(data, split, batch_size_given)
    if isinstance(data, TensorDataset):
        return Tensors(tuple(data.tensors), split)
    whole = _as_tensors(data)
    if whole is not None:
        return Tensors(whole, split)
    if (
        hasattr(data, "__getitem__")
        and hasattr(data, "__len__")
        and not isinstance(data, list | tuple | dict | str | bytes)
    ):
        return Examples(data, split, {"num_workers": workers})
    if isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        return _ready(data, split, batch_size_given)
    raise SettingError(
        f"data is a {type(data).__name__}: give tensors, a dataset, a DataLoader or an iterable of batches."
    )


def _of_loader(loader: DataLoader[Any], split: Split, batch_size_given: bool) -> Source:
    """A DataLoader taken apart, so that an epoch can begin in its middle; an unusual one as it is."""
    sampler = loader.sampler
    plain = type(loader.batch_sampler) is BatchSampler and not isinstance(loader.dataset, IterableDataset)
    if type(sampler) is RandomSampler:
        plain = plain and not sampler.replacement and sampler._num_samples is None
    elif type(sampler) is not SequentialSampler:
        plain = False
    if not plain:
        return _ready(loader, split, batch_size_given)
    assert loader.batch_size is not None
    split = replace(
        split,
        batch_size=split.batch_size if batch_size_given else loader.batch_size,
        shuffle=isinstance(sampler, RandomSampler),
        drop_last=loader.drop_last or split.drop_last,
    )
    dataset = loader.dataset
    if type(dataset) is TensorDataset and loader.collate_fn is default_collate and not loader.num_workers:
        return Tensors(tuple(dataset.tensors), split)
    options = {
        "num_workers": loader.num_workers,
        "collate_fn": loader.collate_fn,
        "pin_memory": loader.pin_memory,
        "timeout": loader.timeout,
        "worker_init_fn": loader.worker_init_fn,
        "multiprocessing_context": loader.multiprocessing_context,
        "persistent_workers": loader.persistent_workers,
    }
    if loader.num_workers:
        options["prefetch_factor"] = loader.prefetch_factor
    return Examples(dataset, split, options)


def _ready(batches: Iterable[Any], split: Split, batch_size_given: bool) -> Source:
    if batch_size_given:
        raise SettingError(
            "batch_size is given for data that comes in batches already: "
            "leave it out, or give the dataset itself."
        )
    if isinstance(batches, Iterator):
        raise SettingError(
            "data is an iterator, which one epoch uses up: give a list, a DataLoader or an object whose "
            "__iter__ begins anew."
        )
    return Ready(batches, split)


def _as_tensors(data: Any) -> Any:
    """Tensors of equal first dimension in their structure; None if it is none."""
    if isinstance(data, Tensor | np.ndarray):
        return (torch.as_tensor(data),)
    if isinstance(data, dict):
        items = list(data.values())
    elif isinstance(data, tuple):  # a list is one of batches
        items = list(data)
    else:
        return None
    if not items or not all(isinstance(item, Tensor | np.ndarray) for item in items):
        return None
    tensors = [torch.as_tensor(item) for item in items]
    lengths = {first_dimension(tensor) for tensor in tensors}
    if len(lengths) > 1:
        raise SettingError(
            f"The tensors of the data have {' and '.join(map(str, sorted(lengths)))} examples: "
            "give each the same first dimension."
        )
    return dict(zip(data, tensors, strict=True)) if isinstance(data, dict) else tuple(tensors)
