"""Tests of the rule `vanishing-gradient`."""

from dataclasses import replace

import numpy as np

from rules.build import Training, flat, found
from surefoot.facts import Model
from surefoot.records import ActivationInfo
from surefoot.rules import diagnose


def test_fires() -> None:
    spoiled = Training(flat()).scaled("grad_norm", np.array([1e-5, 1e-5, 1e-3, 1e-3, 1.0, 1.0]))
    finding = found("vanishing-gradient", spoiled)[0]
    assert finding.where == "fc1.weight"
    assert 0.001 < finding.evidence["factor from layer to layer"] < 0.01


def test_quiet() -> None:
    assert not found("vanishing-gradient", Training())


def test_near_miss() -> None:
    slope = np.array([1e-5, 1e-5, 1e-3, 1e-3, 1.0, 1.0])
    # The loss falls all the same.
    assert not found("vanishing-gradient", Training().scaled("grad_norm", slope))
    # Exactly zero: dead or symmetric units, another fault.
    zero = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    assert not found("vanishing-gradient", Training(flat()).scaled("grad_norm", zero))
    # A factor of fifty from end to end, as deep nets have it.
    assert not found(
        "vanishing-gradient", Training(flat()).scaled("grad_norm", np.array([0.02, 1, 0.1, 1, 1, 1]))
    )


def _first_weight_alone() -> Training:
    """Four weights of which the first gets next to nothing, the others their share."""
    made = Training(flat()).scaled("grad_norm", np.array([1e-6, 1e-6, 1.0, 1.0, 1.0, 1.0]))
    made.parameter("fc4.weight", shape=(10, 10), optimizer=0, received=300)
    for rows in made.layers.values():
        rows[:, 6] = 0.5
    made.optimizers[0] = replace(made.optimizers[0], parameters=tuple(range(7)))
    return made


def test_a_recurrent_network_keeps_its_own_gradient() -> None:
    """The last steps reach the weights that are used at each of them; what lies before them gets nothing."""
    assert not found("vanishing-gradient", _first_weight_alone())
    called = _first_weight_alone()
    called.fact(Model, "Net", class_name="Net", modules=[["", "Net"], ["cell", "RNNCell"]])
    assert found("vanishing-gradient", called)[0].where == "fc1.weight"
    unrolled, towers = _first_weight_alone(), _first_weight_alone()
    for training, times in ((unrolled, 3), (towers, 2)):
        training.activations += [
            ActivationInfo(2 + i, f"tanh after fc2.weight #{i + 2}", "tanh", 64) for i in range(times - 1)
        ]
    assert found("vanishing-gradient", unrolled)
    assert not found("vanishing-gradient", towers)


def _with_units(shares: list[float]) -> Training:
    """Gradients that vanish in the second of three weights, and the share of dead units behind the first two."""
    made = Training(flat()).scaled("grad_norm", np.array([1e-5, 1e-5, 1e-5, 1e-5, 1.0, 1.0]))
    made.units["dead_share"][:, :] = shares
    return made


def test_follows_from_dead_layers_that_take_the_gradient_and_from_no_others() -> None:
    (main,) = [f for f in diagnose(_with_units([0.0, 0.99]).history) if f.severity != "information"]
    assert main.code == "dead-units"
    assert "vanishing-gradient" in [c.code for c in main.consequences]
    beside = {f.code for f in diagnose(_with_units([0.99, 0.0]).history)}
    assert {"dead-units", "vanishing-gradient"} <= beside


def test_what_came_after_the_first_looks_follows_from_what_the_steps_did() -> None:
    for at_first, follows in ((1.0, True), (1e-5, False)):
        made = Training(flat(), steps=300).scaled("grad_norm", np.array([1e-5, 1e-5, 1e-3, 1e-3, 1.0, 1.0]))
        made.layers["grad_norm"][:3, :4] = at_first
        (finding,) = found("vanishing-gradient", made)
        assert ("unscaled-targets" in finding.because) is follows
