"""Closures: the gradients that the closure leaves are clipped, whoever passes it and however."""

from __future__ import annotations

import math

import pytest
import torch

from surefoot.clipping import AutoClip, ClipByNorm
from surefoot.errors import NonfiniteGradient

from .problems import batches, frozen, loss_of, make_model, same

PLACES = pytest.mark.parametrize("place", ["host", "device"])


def closure_for(model, optimizer, batch, spoil=lambda evaluation: False):
    evaluations = 0

    def closure():
        nonlocal evaluations
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        if spoil(evaluations):
            next(model.parameters()).grad.view(-1)[0] = math.nan
        evaluations += 1
        return loss

    return closure


@PLACES
@pytest.mark.parametrize("way", ["position", "keyword", "none by position"])
@pytest.mark.parametrize("fused", [True, False])
def test_same_training_with_and_without_a_closure(place, way, fused):
    """Trap 8: with a closure the pre-hook runs before backward, when there is nothing to clip yet."""
    finals = []
    for closures in (True, False):
        model = make_model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=fused)
        clipper = AutoClip(threshold_on=place).attach(optimizer)
        for batch in batches(12):
            closure = closure_for(model, optimizer, batch)
            if not closures or way == "none by position":
                closure()
                optimizer.step(None) if closures else optimizer.step()
            elif way == "position":
                assert float(optimizer.step(closure)) > 0
            else:
                assert float(optimizer.step(closure=closure)) > 0
        assert len(clipper.state_dict()["histories"]["all gradients"]) == 12
        finals.append([p.detach() for p in model.parameters()])
    assert same(*finals)


@PLACES
@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs_evaluates_clipped_gradients_and_records_one_norm_a_step(place, line_search):
    model = make_model()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5, line_search_fn=line_search)
    clipper = AutoClip(50, threshold_on=place).attach(optimizer)
    data = batches(1)[0]
    losses = [float(optimizer.step(closure_for(model, optimizer, data))) for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]
    assert len(clipper.state_dict()["histories"]["all gradients"]) == 15


@PLACES
def test_each_evaluation_of_lbfgs_is_clipped(place):
    model = make_model()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=5)
    fixed = ClipByNorm(0.1, threshold_on=place).attach(optimizer)
    seen = []
    closure = closure_for(model, optimizer, batches(1)[0])

    def watched():
        seen.append(fixed.last)
        return closure()

    optimizer.step(watched)
    seen.append(fixed.last)
    assert seen[0] is None
    assert len({id(result) for result in seen}) == len(seen) > 3
    assert float(fixed.last.factor) < 1


@PLACES
@pytest.mark.parametrize("bad_evaluation", [0, 2])
def test_lbfgs_with_a_bad_gradient_leaves_the_whole_step_out(place, bad_evaluation):
    model = make_model()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5)
    clipper = AutoClip(threshold_on=place).attach(optimizer)
    data = batches(1)[0]
    for step in range(5):
        before = frozen(model, optimizer)
        bad = step in (0, 3)
        optimizer.step(closure_for(model, optimizer, data, lambda e, bad=bad: bad and e == bad_evaluation))
        assert same(frozen(model, optimizer), before) == bad
    assert len(clipper.state_dict()["histories"]["all gradients"]) == (3 if bad_evaluation == 0 else 5)


@PLACES
@pytest.mark.parametrize("fused", [True, False])
def test_a_bad_gradient_from_a_closure_leaves_the_step_out(place, fused):
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=fused)
    AutoClip(threshold_on=place).attach(optimizer)
    for step, batch in enumerate(batches(5)):
        before = frozen(model, optimizer)
        bad = step in (0, 3)
        optimizer.step(closure_for(model, optimizer, batch, lambda e, bad=bad: bad))
        assert same(frozen(model, optimizer), before) == bad


class SharpnessAware(torch.optim.Optimizer):
    """Moves the weights before it evaluates its closure, as SAM does; steps with the second gradient."""

    def __init__(self, params):
        super().__init__(params, {})

    @torch.no_grad()
    def step(self, closure):
        parameters = [p for group in self.param_groups for p in group["params"]]
        moves = [0.05 * p.grad for p in parameters]
        torch._foreach_add_(parameters, moves)
        with torch.enable_grad():
            loss = closure()
        torch._foreach_sub_(parameters, moves)
        for p in parameters:
            if p.grad is not None:
                p.sub_(p.grad, alpha=0.1)
        return loss


def test_an_optimizer_that_moves_before_its_closure_is_put_back_too():
    model = make_model()
    optimizer = SharpnessAware(model.parameters())
    clipper = AutoClip().attach(optimizer)
    for step, batch in enumerate(batches(6)):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        before = frozen(model, optimizer)
        bad = step in (0, 4)
        optimizer.step(closure_for(model, optimizer, batch, lambda e, bad=bad: bad))
        assert same(frozen(model, optimizer), before) == bad
    assert len(clipper.state_dict()["histories"]["all gradients"]) == 4


def test_raise_comes_out_of_a_closure():
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    AutoClip(nonfinite="raise").attach(optimizer)
    before = frozen(model, optimizer)
    with pytest.raises(NonfiniteGradient):
        optimizer.step(closure_for(model, optimizer, batches(1)[0], lambda e: True))
    assert same(frozen(model, optimizer), before)
