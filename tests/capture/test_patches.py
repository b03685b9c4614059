"""What is replaced stays one object wherever it is at home, and looks from outside as it did."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.fsdp  # a module that imports replaced functions
import torch.nn.functional as F
from torch import nn

import surefoot as sf
from surefoot.capture import patches
from surefoot.capture.patches import Patch


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[list[Patch]]:
    with sf.watch(runs=tmp_path):
        yield list(patches._standing)


def asked(function: Any) -> tuple[Any, ...]:
    return (
        function.__name__, function.__qualname__, function.__module__, function.__doc__, function.__annotations__,
        inspect.signature(function), inspect.getsource(function),
        inspect.iscoroutinefunction(function), type(function), callable(function),
    )  # fmt: skip


def test_each_looks_as_before(standing: list[Patch]) -> None:
    for patch in standing:
        assert asked(patch.replacement) == asked(patch.original), patch.name
        assert patch.replacement.__wrapped__ is patch.original
        if not hasattr(patch.original, "__wrapped__"):
            assert inspect.getfullargspec(patch.replacement) == inspect.getfullargspec(patch.original)
    assert len(standing) > 40


def test_each_is_pickled_by_its_name(standing: list[Patch]) -> None:
    for patch in standing:
        function = patch.replacement
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.deepcopy(function) is function
        given = functools.partial(function, 1)
        assert pickle.loads(pickle.dumps(given)).func is function
        # Where it is at home, no other object stands under its name.
        holder: Any = sys.modules[function.__module__]
        for part in function.__qualname__.split("."):
            holder = getattr(holder, part)
        assert holder is function


def test_each_is_one_object_in_the_modules_that_are_public(standing: list[Patch]) -> None:
    # Distributions compute likelihoods with a loss function: no loss of the script's.
    inner = ("torch.distributions.",)
    originals = {id(patch.original): patch.name for patch in standing}
    left = {
        f"{name}.{key}"
        for name, module in list(sys.modules.items())
        if name.startswith("torch") and not name.startswith(inner)
        for key, value in list(vars(module).items())
        if id(value) in originals
    }
    assert left == set()
    assert nn.utils.clip_grad_norm_ is nn.utils.clip_grad.clip_grad_norm_


def test_all_is_put_back(tmp_path: Path) -> None:
    before = (F.cross_entropy, nn.utils.clip_grad.clip_grad_norm_, nn.utils.clip_grad_norm_, torch.func.grad)
    with sf.watch(runs=tmp_path), sf.watch(runs=tmp_path):
        assert before[1] is not nn.utils.clip_grad_norm_
    assert before == (
        F.cross_entropy,
        nn.utils.clip_grad.clip_grad_norm_,
        nn.utils.clip_grad_norm_,
        torch.func.grad,
    )
    assert not patches._standing
