"""Tests of the rule `parameters-not-optimized`."""

from dataclasses import replace

from rules.build import Training, found
from surefoot.facts import Reach


def test_fires() -> None:
    spoiled = Training().parameter("hidden.0.weight", received=300, in_model=False)
    spoiled.fact(Reach, unregistered=["hidden.0"], reached_unoptimized=["hidden.0.weight"])
    finding = found("parameters-not-optimized", spoiled)[0]
    assert "nn.ModuleList" in finding.fix
    assert finding.evidence["parameters"] == ["hidden.0.weight"]


def test_quiet() -> None:
    assert not found("parameters-not-optimized", Training())


def test_near_miss() -> None:
    # A teacher without gradients, and a frozen part outside of the optimizer.
    teacher = Training().parameter("teacher.weight", reached=False)
    teacher.parameter("backbone.weight", requires_grad=False)
    assert not found("parameters-not-optimized", teacher)
    # An image is optimized through a model whose parameters nobody froze.
    image = Training().parameter("vgg.weight", received=300)
    image.parameters = [replace(p, is_parameter=False) if p.optimizer == 0 else p for p in image.parameters]
    assert not found("parameters-not-optimized", image)


def test_replaced_head() -> None:
    spoiled = (
        Training().parameter("fc3.weight", reached=False, received=0).parameter("head.weight", received=300)
    )
    assert "after the last change" in found("parameters-not-optimized", spoiled)[0].fix
