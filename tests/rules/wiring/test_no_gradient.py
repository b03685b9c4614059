"""Tests of the rule `no-gradient`."""

from dataclasses import replace

from rules.build import Training, found
from surefoot.facts import Calls, MissingGradients, Reach


def test_fires() -> None:
    spoiled = Training()
    for name in ("fc1.weight", "fc1.bias"):
        spoiled.parameter(name, reached=False, received=0)
    spoiled.fact(Reach, cut={"after": "fc1", "before": "fc2", "place": "train.py:20: x = x.data"})
    finding = found("no-gradient", spoiled)[0]
    assert "between fc1 and fc2" in finding.title
    assert finding.where == "train.py:20: x = x.data"


def test_quiet() -> None:
    assert not found("no-gradient", Training())


def test_near_miss() -> None:
    # A head that never ran, as pretrained models have: worth knowing, no more.
    unused = found("no-gradient", _with_last("pooler.weight", module_called=False))[0]
    assert unused.severity == "information"
    assert "never run" in unused.title
    # A branch that ran and whose output the model returns, though no loss uses it.
    returned = _with_last("aux.weight").fact(Reach, unused=["aux.weight"])
    assert found("no-gradient", returned)[0].severity == "information"


def test_a_branch_whose_result_is_lost() -> None:
    """By numpy() or tensor(…), or because nothing is done with it: neither a loss nor an output depends on it."""
    finding = found("no-gradient", _with_last("branch.weight"))[0]
    assert finding.severity == "warning"
    assert "reaches no loss" in finding.title


def test_the_line_that_cuts() -> None:
    spoiled = Training()
    for name in ("fc1.weight", "fc1.bias"):
        spoiled.parameter(name, reached=False, received=0)
    line = "train.py:7: x = checkpoint(self.stem, x, use_reentrant=True)"
    spoiled.fact(Reach, cut={"after": "fc1", "before": "fc2", "place": "train.py:9", "line": line})
    finding = found("no-gradient", spoiled)[0]
    assert finding.where == line
    assert "use_reentrant=False" in finding.fix


def test_a_silent_stem_in_front_of_what_learns() -> None:
    spoiled = Training()
    for name in ("fc1.weight", "fc1.bias"):
        spoiled.parameter(name, reached=False, received=0)
    finding = found("no-gradient", spoiled)[0]
    assert finding.severity == "error"
    assert finding.evidence["parameters"] == ["fc1.weight", "fc1.bias"]


def test_a_compiled_model_whose_layers_are_not_seen_to_run() -> None:
    stem = Training().fact(Calls, forwards_with_grad=0)
    for name in ("fc1.weight", "fc1.bias"):
        stem.parameter(name, reached=False, received=0, module_called=False)
    finding = found("no-gradient", stem)[0]
    assert finding.severity == "warning"
    assert "or their layers never run" in finding.title
    head = _with_last("pooler.weight", module_called=False).fact(Calls, forwards_with_grad=0)
    finding = found("no-gradient", head)[0]
    assert finding.severity == "information"
    assert "no call of a layer was seen" in finding.title


def _with_last(name: str, **changes: object) -> Training:
    training = Training().parameter(name, optimizer=0, reached=False, **changes)
    training.optimizers[0] = replace(training.optimizers[0], parameters=tuple(range(7)))
    return training


def test_whole_model() -> None:
    spoiled = Training().fact(Reach, leaf_root=True)
    spoiled.parameters = [replace(p, reached=False, received=0) for p in spoiled.parameters]
    assert "made anew" in found("no-gradient", spoiled)[0].title


def test_script_that_dies_of_it() -> None:
    died = Training()
    died.run = replace(
        died.run, status="failed", error="RuntimeError: element 0 of tensors does not require grad and"
    )
    assert found("no-gradient", died)


def test_an_optimizer_that_never_has_a_gradient() -> None:
    """A generator whose loss is on a detached fake, say: an error, whatever else learns."""
    players = Training().second_player()
    own = players.optimizers[1].parameters
    players.parameters = [
        replace(p, reached=False, received=0) if p.index in own else p for p in players.parameters
    ]
    players.fact(MissingGradients, "optimizer 1", steps_without_any=300, of=300)
    players.fact(Reach, unused=[p.name for p in players.parameters if p.index in own])
    finding = found("no-gradient", players)[0]
    assert finding.severity == "error"
    assert "ever gets a gradient" in finding.title
