"""Run by torchrun in two processes: DDP, FSDP2 and DTensor under clipping. Prints a line a check."""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from surefoot.clipping import (
    AdaGC,
    AdaptiveGradientClip,
    AutoClip,
    ClipByNorm,
    ClipByValue,
    ClipUpdate,
    ZClip,
)
from surefoot.norms import per_parameter_norms

STEPS = 8
PLACES = ("host", "device")


class Collectives(TorchDispatchMode):
    """Counts all-reduces that clipping itself starts."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += "c10d" in str(operation)
        return operation(*args, **(kwargs or {}))


def model_of(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3), nn.Tanh(), nn.Linear(3, 1))


def data_of(step):
    generator = torch.Generator().manual_seed(step)
    return torch.randn(8, 5, generator=generator) * (1 + step % 3), torch.randn(8, 1, generator=generator)


def step_of(model, optimizer, step, share):
    inputs, targets = data_of(step)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(inputs[share]), targets[share]).backward()


def single(make, optimizer_of):
    """What one process with the whole batch does."""
    model = model_of()
    optimizer = optimizer_of(model.parameters())
    clipper = make().attach(optimizer)
    told = []
    for step in range(STEPS):
        step_of(model, optimizer, step, slice(None))
        optimizer.step()
        told.append((float(clipper.last.norm), float(clipper.last.factor)))
    return [p.detach() for p in model.parameters()], told


def same_on_all_ranks(value):
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    assert all(v == values[0] for v in values), values


def close(first, second):
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)


def adamw(fused):
    return lambda parameters: torch.optim.AdamW(parameters, lr=1e-2, fused=fused)


def check_ddp(share):
    for place in PLACES:
        for fused in (True, False):
            finals, told = single(lambda place=place: AutoClip(40, threshold_on=place), adamw(fused))
            model = DistributedDataParallel(model_of())
            optimizer = adamw(fused)(model.parameters())
            clipper = AutoClip(40, threshold_on=place).attach(optimizer)
            exact = []
            for step in range(STEPS):
                step_of(model, optimizer, step, share)
                with Collectives() as seen:
                    optimizer.step()
                assert seen.count == 0
                exact.append((float(clipper.last.norm), float(clipper.last.threshold)))
                close(torch.tensor(exact[-1][0]), torch.tensor(told[step][0]))
            same_on_all_ranks(exact)
            close(list(model.parameters()), [nn.Parameter(p) for p in finals])


def check_fsdp(share):
    mesh = init_device_mesh("cpu", (2,))
    makers = {
        "autoclip": lambda place: AutoClip(40, threshold_on=place),
        "parameter": lambda place: AutoClip(40, scope="parameter", threshold_on=place),
        "norm": lambda place: ClipByNorm(0.05, threshold_on=place),
        "value": lambda place: ClipByValue(0.01, threshold_on=place),
        "agc": lambda place: AdaptiveGradientClip(0.02, threshold_on=place),
        "adagc": lambda place: AdaGC(warmup=3, threshold_on=place),
        "update": lambda place: ClipUpdate(0.8, threshold_on=place),
        "streaming": lambda place: AutoClip(30, history="streaming", threshold_on=place),
        "zclip": lambda place: ZClip(1.0, warmup=3, threshold_on=place),
    }
    for name, make in makers.items():
        for place in PLACES:
            for fused in (True, False) if name == "autoclip" else (place == "host",):
                finals, told = single(lambda make=make, place=place: make(place), adamw(fused))
                model = model_of()
                for layer in model:
                    if isinstance(layer, nn.Linear):
                        fully_shard(layer, mesh=mesh)
                fully_shard(model, mesh=mesh)
                optimizer = adamw(fused)(model.parameters())
                clipper = make(place).attach(optimizer)
                exact = []
                for step in range(STEPS):
                    step_of(model, optimizer, step, share)
                    with Collectives() as seen:
                        optimizer.step()
                    if name in ("autoclip", "parameter", "norm", "zclip"):
                        assert seen.count == 1, (name, seen.count)
                    exact.append(float(clipper.last.norm))
                    close(torch.tensor(exact[-1]), torch.tensor(told[step][0]))
                same_on_all_ranks(exact)
                for p, final in zip(model.parameters(), finals, strict=True):
                    close(p.full_tensor().detach(), final)


def check_fsdp_nonfinite(share):
    """A NaN in one rank's shard leaves the step out on all ranks."""
    mesh = init_device_mesh("cpu", (2,))
    for place in PLACES:
        for fused in (True, False):
            model = model_of()
            fully_shard(model, mesh=mesh)
            optimizer = adamw(fused)(model.parameters())
            clipper = AutoClip(threshold_on=place).attach(optimizer)
            for step in range(4):
                step_of(model, optimizer, step, share)
                before = [p.to_local().detach().clone() for p in model.parameters()]
                bad = step in (0, 2)
                if bad and dist.get_rank() == 1:
                    next(model.parameters()).grad.to_local().view(-1)[0] = math.nan
                optimizer.step()
                after = [p.to_local() for p in model.parameters()]
                assert all(map(torch.equal, before, after)) == bad, (place, fused, step)
                assert bool(clipper.last.skipped) == bad


def check_placements():
    """Replicated gradients count once, shards add up, sums that are due are made first."""
    mesh = init_device_mesh("cpu", (2,))
    whole = torch.arange(12.0).reshape(4, 3)
    odd = torch.arange(5.0)  # shards of 3 and 2
    gradients = [
        distribute_tensor(whole, mesh, [Replicate()]),
        distribute_tensor(whole, mesh, [Shard(0)]),
        distribute_tensor(whole, mesh, [Shard(1)]),
        distribute_tensor(odd, mesh, [Shard(0)]),
        DTensor.from_local(whole / 2, mesh, [Partial()]),
        whole,
    ]
    want = torch.stack([whole.norm(), whole.norm(), whole.norm(), odd.norm(), whole.norm(), whole.norm()])
    for order in (gradients, gradients[::-1]):
        got = per_parameter_norms(order)
        close(got, want if order is gradients else want.flip(0))
    square = init_device_mesh("cpu", (1, 2), mesh_dim_names=("replicate", "shard"))
    hybrid = distribute_tensor(whole, square, [Replicate(), Shard(0)])
    close(per_parameter_norms([hybrid]), whole.norm().reshape(1))


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    half = slice(dist.get_rank() * 4, dist.get_rank() * 4 + 4)
    for check, arguments in (
        (check_placements, ()),
        (check_ddp, (half,)),
        (check_fsdp, (half,)),
        (check_fsdp_nonfinite, (half,)),
    ):
        check(*arguments)
        if dist.get_rank() == 0:
            print(check.__name__, "passed", flush=True)
    dist.destroy_process_group()
