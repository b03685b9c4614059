"""What the models and their autograd graphs show."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Fact, kind="model", question="The models"):
    """An outermost module that the script called.

    Args:
        class_name: Its class.
        modules: (name, class) of its modules, at most 400.
        parameters: Number of its parameter tensors.
        mode_sensitive: Names of its dropout and batch-norm modules.
        trained: Its parameters receive gradients.
        compiled: It is compiled.
    """

    class_name: str = ""
    modules: tuple[tuple[str, str], ...] = ()
    parameters: int = 0
    mode_sensitive: tuple[str, ...] = ()
    trained: bool = False
    compiled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMode(Fact, kind="training-mode", question="Train and eval mode, training"):
    """The mode of what is being trained.

    Args:
        looked: Inspected steps.
        in_eval: Of them, those whose outermost module, or all its mode-sensitive modules, were in eval mode.
        first_in_eval: The first such step.
        modules: The mode-sensitive modules in eval mode whose parents train.
        partial: Only some modules: fine-tuning.
        switched: It was in train mode earlier.
        frozen: Share of those modules' parameters that are frozen.
        place: Where the backward is called.
    """

    looked: int = 0
    in_eval: int = 0
    first_in_eval: int | None = None
    modules: tuple[str, ...] = ()
    partial: bool = False
    switched: bool = False
    frozen: float = 0.0
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationMode(Fact, kind="validation-mode", question="Train and eval mode, validation"):
    """The mode of what is being evaluated.

    Args:
        looked: Inspected forwards without gradients or in eval mode.
        in_train: Of them, those with mode-sensitive modules in train mode.
        first_in_train: Step of the first of them.
        modules: Those modules.
        model: Class of the model.
        place: Where the model is called.
        same_input_repeats: The same batch passed several times: Monte Carlo dropout.
        functional_dropout: Dropout was active although the module is in eval mode.
    """

    looked: int = 0
    in_train: int = 0
    first_in_train: int | None = None
    modules: tuple[str, ...] = ()
    model: str | None = None
    place: str | None = None
    same_input_repeats: bool = False
    functional_dropout: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the path of the gradient ends.

    Args:
        after: Module before it whose output had a gradient's path; None: not known.
        before: Module after it.
        place: Where that module is called.
        line: The nearest line above that takes a tensor out of the graph (`detach()`, a reentrant checkpoint …), as it
            is written; None: none is.
    """

    after: str | None = None
    before: str = ""
    place: str | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach(Fact, kind="reach", question="What the gradients reach"):
    """Which parameters a gradient reaches, which it does not, and where its path is cut.

    Args:
        unreached: Names of optimized, trainable parameters that no loss reached.
        reached_unoptimized: Names of parameters that gradients reach and no optimizer holds.
        frozen: Names in an optimizer that require no gradient.
        cut: Where the graph is cut; None: nowhere seen.
        leaf_root: The loss hangs on a leaf tensor that is not a parameter.
        unregistered: Modules called inside the model that are not registered in it.
        unused: Names of parameters that no loss reached and that what their model returned depends on: an output that
            no loss uses.
    """

    unreached: tuple[str, ...] = ()
    reached_unoptimized: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    cut: Cut | None = None
    leaf_root: bool = False
    unregistered: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPair(Fact, kind="linear-pair", question="Layers with no nonlinearity between them"):
    """Two consecutive linear or convolution layers with no nonlinearity between.

    Args:
        first: Parameter name.
        second: Parameter name.
        between: Autograd operations between.
        layers: How many such layers are in a row.
        nonlinearities: How many there are in the whole graph.
        bottleneck: The inner width is smaller than both sides.
        inner_width: Width between the two.
    """

    first: str = ""
    second: str = ""
    between: tuple[str, ...] = ()
    layers: int = 2
    nonlinearities: int = 0
    bottleneck: bool = False
    inner_width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry(Fact, kind="symmetry", question="Do units differ from each other"):
    """How alike the units of a layer are.

    Args:
        first: Spread of the weight's rows when first inspected: norm of their deviation from their mean over the
            norm of the weight; 0: all units identical.
        last: The same when last inspected.
        gradient_spread: Likewise of its gradient.
        constant: Every entry is equal.
        units: Number of rows.
        is_output: It is the weight nearest to the loss.
    """

    first: float | None = None
    last: float | None = None
    gradient_spread: float | None = None
    constant: bool | None = None
    units: int = 0
    is_output: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphGrowth(Fact, kind="graph", question="Size of the autograd graph"):
    """Whether the autograd graph of the loss grows.

    Args:
        first_nodes: Nodes when first inspected.
        last_nodes: Nodes when last inspected.
        looked: Times inspected.
        retain_graph: All backward calls with `retain_graph=True`.
        place: Where such a backward is called.
    """

    first_nodes: int = 0
    last_nodes: int = 0
    looked: int = 0
    retain_graph: int = 0
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMixing(Fact, kind="batch-mixing", question="Does one example change another's output"):
    """Whether the examples of a batch reach each other's output, by class of the trained model.

    Args:
        mixed: The last example's output depends on the other examples.
        operation: The operation nearest to the output that mixed.
        own_gradient: Largest gradient of the last example's output at its own row, in front of that operation; None for
            a batch viewed with its dimensions exchanged.
        others_gradient: The same at the other examples' rows.
        place: Where the backward is called, or the view made.
    """

    mixed: bool = False
    operation: str | None = None
    own_gradient: float | None = None
    others_gradient: float | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGraphs(Fact, kind="kept-graphs", question="Are losses kept with their graphs"):
    """Losses of earlier steps that the script still holds together with their graphs.

    Args:
        held: Most inspected losses, other than the present one, that were alive at once.
        terms: Most terms of a running sum that were older than the step before.
        looked: Times inspected.
        place: Where the backward is called.
    """

    held: int = 0
    terms: int = 0
    looked: int = 0
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher(Fact, kind="teacher", question="Networks that are asked and not trained"):
    """A network that is asked while another one is trained, and is not trained itself.

    Args:
        class_name: Its class.
        asked: Its inspected calls, from the first step on.
        in_train: Of them, those with mode-sensitive modules in train mode.
        modules: Those modules.
        changed: Its weights changed between calls: an average of the student's; None: asked once.
        place: Where it was called first.
    """

    class_name: str = ""
    asked: int = 0
    in_train: int = 0
    modules: tuple[str, ...] = ()
    changed: bool | None = None
    place: str | None = None
