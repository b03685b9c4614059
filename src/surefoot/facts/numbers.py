"""What goes in, how gradients are clipped and scaled, and where numbers stop being numbers."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader(Fact, kind="loader", question="The data loaders"):
    """A data loader, by the place that iterates it.

    Args:
        place: Where it is iterated.
        phase: "train" or "validation": whether its batches were trained on.
        shuffled: Its order is random; None: not known.
        sampler: Class of its sampler.
        batch_size: As given.
        dataset_size: Examples; None: not known.
        drop_last: The last, smaller batch is left out.
        iterations: All times that it was iterated.
    """

    place: str | None = None
    phase: str = "train"
    shuffled: bool | None = None
    sampler: str = ""
    batch_size: int | None = None
    dataset_size: int | None = None
    drop_last: bool = False
    iterations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInput(Fact, kind="batch-input", question="The batches"):
    """What enters the models, in training or in validation.

    Args:
        min: The least entry.
        max: The greatest entry.
        mean: Averaged over the inspected batches.
        std: Standard deviation, averaged over the inspected batches.
        nonfinite: Share of NaN and infinities.
        nonfinite_columns: Most features with one, in a batch.
        feature_std_min: Least deviation of a feature.
        feature_std_max: Greatest deviation of a feature.
        feature_mean_absmax: Greatest |mean| of a feature.
        constant: All entries are equal.
        shape: Of a batch.
        dtype: "float32" …
        integer: It holds integers: token ids.
        observations: Batches inspected.
        normalized_inside: The first layer is a normalisation.
    """

    min: float = float("nan")
    max: float = float("nan")
    mean: float = float("nan")
    std: float = float("nan")
    nonfinite: float = 0.0
    nonfinite_columns: int | None = None
    feature_std_min: float | None = None
    feature_std_max: float | None = None
    feature_mean_absmax: float | None = None
    constant: bool = False
    shape: tuple[int, ...] = ()
    dtype: str = ""
    integer: bool = False
    observations: int = 0
    normalized_inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCall(Fact, kind="clip-call", question="Clipping done by the script"):
    """A clipping function that the script calls, by its place.

    Args:
        function: "clip_grad_norm_" or "clip_grad_value_".
        limit: As given.
        count: All calls.
        clipped: Share of the inspected calls that changed the gradients.
        after_step: All calls between a step and the next backward.
        scaled: All calls while gradients were still multiplied by a GradScaler.
        covered: Share of the stepping optimizer's gradients, by tensor, that it was given.
        norm: Median total norm before clipping, over the inspected calls.
        place: Where it is called.
    """

    function: str = ""
    limit: float | None = None
    count: int = 0
    clipped: float | None = None
    after_step: int = 0
    scaled: int = 0
    covered: float | None = None
    norm: float | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipper(Fact, kind="clipper", question="Clippers attached"):
    """A clipper of surefoot's, by its optimizer.

    Args:
        name: Its class.
        describe: Its settings in words.
    """

    name: str = ""
    describe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler(Fact, kind="scaler", question="Gradient scaling for mixed precision"):
    """The GradScaler.

    Args:
        scale_first: Scale at the first update.
        scale_last: Scale at the last.
        skipped: All updates that lowered it: steps skipped.
        steps: All updates.
        enabled: It scales.
    """

    scale_first: float | None = None
    scale_last: float | None = None
    skipped: int = 0
    steps: int = 0
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonfinite(Fact, kind="nonfinite", question="The first NaN or infinity"):
    """Where a loss stopped being finite.

    Args:
        at_step: Step of the first such loss.
        what: "loss", "parameter" or "input": what was found not finite.
        operation: Autograd name of the operation that made it.
        detail: Why that operation did.
        module: Parameter nearest to it.
        line: Where that operation is written, if that can be told.
        masked: A mask (`where`, `masked_fill`) lies between the operation and the loss.
        parameters: Names of parameters that are not finite.
        place: Where the backward is called.
        loss: Its value.
    """

    at_step: int | None = None
    what: str = "loss"
    operation: str | None = None
    detail: str | None = None
    module: str | None = None
    line: str | None = None
    masked: bool = False
    parameters: tuple[str, ...] = ()
    place: str | None = None
    loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SteepOperation(
    Fact, kind="steep-operation", question="Operations near where their derivative is infinite"
):
    """An operation in the graph of the loss whose derivative is infinite at an edge: a root or logarithm at zero.

    Args:
        operation: Autograd name.
        detail: The edge, in words.
        least: How near to it an inspected batch came: the least argument, divisor or distance.
        line: Where it is written, if that can be told.
        masked: A mask (`where`, `masked_fill`) lies between the operation and the loss.
    """

    operation: str = ""
    detail: str = ""
    least: float = float("nan")
    line: str | None = None
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Fact, kind="noise", question="Gradient noise"):
    """How much the gradient differs from batch to batch.

    Args:
        scale: Gradient noise scale in examples (the critical batch size); None: no signal in it.
        examples: Examples a step: of all micro-batches and processes.
        batch_size: Examples in a micro-batch.
        observations: Pairs of gradients compared.
        signal_share: Squared norm of the mean gradient over the mean squared norm, in [0, 1].
        signal_error: Standard error of that share.
    """

    scale: float | None = None
    examples: int = 0
    batch_size: int = 0
    observations: int = 0
    signal_share: float | None = None
    signal_error: float | None = None
