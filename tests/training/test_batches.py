"""Laws of batches: nothing lost, nothing twice, shared among processes, the same from any step on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset

from surefoot.errors import SettingError
from surefoot.training.batches import Examples, Ready, Split, Tensors
from surefoot.training.data import source_of

SIZES = st.one_of(st.integers(1, 20), st.just("full"))


def seen(source, epoch, start=0):
    """Examples of each step, of one process."""
    return [
        [int(v) for micro in step.micro for v in micro.data[0][: micro.share].reshape(-1)]
        for step in source.steps(epoch, start)
    ]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 60), SIZES, st.integers(1, 5), st.booleans(), st.integers(0, 3), st.integers(1, 3))
def test_every_example_once_over_all_processes(examples, size, accumulate, shuffle, epoch, processes):
    data = (torch.arange(examples),)
    ranks = [
        Tensors(data, Split(size, accumulate, shuffle, rank=rank, processes=processes))
        for rank in range(processes)
    ]
    steps = [list(source.steps(epoch)) for source in ranks]
    assert {len(own) for own in steps} == {ranks[0].steps_per_epoch}
    together = []
    for at in range(len(steps[0])):
        parts = [own[at] for own in steps]
        assert len({len(part.micro) for part in parts}) == 1, "all processes go backward equally often"
        shares = sum(micro.share for part in parts for micro in part.micro)
        assert shares == parts[0].examples
        assert all(0 <= micro.share <= part.reference for part in parts for micro in part.micro)
        together += [int(v) for part in parts for micro in part.micro for v in micro.data[0][: micro.share]]
    assert sorted(together) == list(range(examples))
    assert [seen(source, epoch) for source in ranks] == [seen(source, epoch) for source in ranks]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 4), st.integers(0, 9), st.integers(0, 20))
def test_from_any_step_on(examples, size, accumulate, seed, start):
    data = torch.arange(examples)
    split = Split(size, accumulate, seed=seed)
    for source in (
        Tensors((data,), split),
        Ready([(data[i : i + 3],) for i in range(0, examples, 3)], split),
    ):
        assert seen(source, 2, start) == seen(source, 2)[start:]


def test_the_order_changes_with_epoch_and_seed():
    def order(seed, epoch):
        return seen(Tensors((torch.arange(50),), Split(50, seed=seed)), epoch)[0]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_drop_last():
    source = Tensors((torch.arange(10),), Split(4, drop_last=True, shuffle=False))
    assert seen(source, 0) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(SettingError, match="no batch"):
        source_of((torch.arange(3),), Split(4, drop_last=True), batch_size_given=True)


class Noise(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.rand(2) + np.random.rand(), torch.tensor(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_augmentations_do_not_depend_on_workers_nor_on_what_came_before(workers):
    split = Split(4, seed=3)
    expected = [step.micro[0].data for step in Examples(Noise(), split, {}).steps(1)]
    torch.rand(7)
    before = torch.get_rng_state()
    found = [step.micro[0].data for step in Examples(Noise(), split, {"num_workers": workers}).steps(1, 1)]
    for one, two in zip(expected[1:], found, strict=True):
        assert torch.equal(one[0], two[0])
        assert torch.equal(one[1], two[1])
    assert torch.equal(before, torch.get_rng_state()), "reading data draws from no generator of the training"
    again = [step.micro[0].data for step in Examples(Noise(), split, {}).steps(2)]
    assert not torch.equal(again[0][0], expected[0][0])


class Lines(IterableDataset):
    def __iter__(self):
        return iter([(torch.tensor([float(i)]), torch.tensor([1.0])) for i in range(6)])


def test_what_counts_as_data():
    x, y = torch.arange(8.0), torch.arange(8)
    split = Split(4)

    def source(data, **options):
        return source_of(data, split, batch_size_given=options.pop("given", False), **options)

    assert isinstance(source((x, y)), Tensors)
    assert isinstance(source(x), Tensors)
    assert isinstance(source((x.numpy(), y.numpy())), Tensors)
    assert isinstance(source({"a": x, "b": y}), Tensors)
    assert isinstance(source(TensorDataset(x, y)), Tensors)
    assert isinstance(source(Noise()), Examples)
    assert isinstance(source([(x, y)]), Ready)
    assert isinstance(source(DataLoader(Lines(), batch_size=2)), Ready)
    assert source(DataLoader(Lines(), batch_size=2)).steps_per_epoch is None
    loader = DataLoader(Noise(), batch_size=3, shuffle=True)
    assert isinstance(source(loader), Examples)
    assert source(loader).batch_size == 3
    assert source(loader, given=True).batch_size == 4
    weird = DataLoader(Noise(), batch_size=3, sampler=RandomSampler(Noise(), replacement=True))
    assert isinstance(source(weird), Ready)


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        (3, False, "data is a int"),
        ("text", False, "data is a str"),
        ((torch.ones(3), torch.ones(4)), False, "have 3 and 4 examples"),
        (iter([(torch.ones(1), torch.ones(1))]), False, "is an iterator, which one epoch uses up"),
        ([(torch.ones(1), torch.ones(1))], True, "comes in batches already"),
        ((torch.ones(0, 2), torch.ones(0)), False, "no batch in the data"),
        ([], False, "no batch in the data"),
    ],
)
def test_refusals(data, given, message):
    with pytest.raises(SettingError, match=message):
        source_of(data, Split(2), batch_size_given=given)


def test_too_many_processes():
    with pytest.raises(SettingError, match="batch_size 1 cannot be shared by 2 processes"):
        source_of((torch.ones(5),), Split(1, processes=2), batch_size_given=True)
