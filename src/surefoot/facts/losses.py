"""What the losses of a training were given, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True)
class Spread:
    """The range of a tensor's entries over the inspected calls.

    Args:
        min: The least of all.
        max: The greatest of all.
        mean: Averaged over the calls.
        std: Standard deviation, averaged over the calls.
        nonfinite: Share of NaN and infinities, averaged over the calls.
    """

    min: float = float("nan")
    max: float = float("nan")
    mean: float = float("nan")
    std: float = float("nan")
    nonfinite: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCall(Fact, kind="loss-call", question="What the loss functions were given"):
    """The calls of one loss function of `torch.nn.functional` on one line.

    Args:
        function: "cross_entropy", "mse_loss" …
        phase: "train" or "validation".
        count: All calls in that phase.
        place: Where it is called.
        calls_on_line: Calls of the function on that line, described together.
        looked: Inspected calls.
        reduction: "mean", "sum" or "none".
        weighted: It was given weights.
        label_smoothing: As given.
        ignore_index: As given; None: its default.
        input_shape: Of the first tensor that enters it.
        target_shape: Of what that is held against.
        input_dtype: "float32" …
        target_dtype: "int64" …
        input_is_leaf: What enters it is a leaf tensor that requires a gradient.
        chain: Autograd operations from what enters it back to the first parameter: "SoftmaxBackward0" …
        softmax_dim: Dimension of a softmax in the chain.
        softmax_shape: Shape of that softmax's result.
        input: Range of what enters it.
        target: Range of what that is held against.
        rowsum_min: Least sum over the class dimension.
        rowsum_max: Greatest sum over the class dimension.
        rows_max_mean: Mean of each row's largest entry.
        logsumexp_absmax: Largest |logsumexp| over the class dimension: 0 for log-probabilities.
        classes: Size of the class dimension.
        integer_target: The target holds integers.
        target_distinct: Distinct values in the inspected targets, at most 1000.
        target_rowsum_min: Least sum over the class dimension of a soft target's rows with several entries.
        target_rowsum_max: The greatest such sum.
        log_target: The target was said to be logarithms.
        batch_size: Examples in a batch.
        first_value: What it returned at the first inspected call.
        last_value: What it returned at the last inspected call.
    """

    function: str = ""
    phase: str = "train"
    count: int = 0
    place: str | None = None
    calls_on_line: int = 1
    looked: int = 0
    reduction: str | None = None
    weighted: bool = False
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    input_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    input_dtype: str | None = None
    target_dtype: str | None = None
    input_is_leaf: bool = False
    chain: tuple[str, ...] = ()
    softmax_dim: int | None = None
    softmax_shape: tuple[int, ...] | None = None
    input: Spread | None = None
    target: Spread | None = None
    rowsum_min: float | None = None
    rowsum_max: float | None = None
    rows_max_mean: float | None = None
    logsumexp_absmax: float | None = None
    classes: int | None = None
    integer_target: bool | None = None
    target_distinct: int | None = None
    target_rowsum_min: float | None = None
    target_rowsum_max: float | None = None
    log_target: bool = False
    batch_size: int | None = None
    first_value: float | None = None
    last_value: float | None = None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """An operation near the loss at which the batch met itself.

    Args:
        shapes: Of the operands that were computed; one if the other is a constant.
        to: The shape to which they were stretched.
        operation: Autograd name.
    """

    shapes: tuple[tuple[int, ...], ...] = ()
    to: tuple[int, ...] = ()
    operation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationLoss(Fact, kind="validation-loss", question="What the validation loss is"):
    """What the metric `val_loss` is, as of the last evaluation.

    Args:
        split: The split's name in the script.
        functions: Loss functions that enter it, or the class of the module that returned it.
        place: Where it is computed.
        shown: False: training follows more than was seen here, and nothing shows what the script makes of it.
        part: Only a part of what training follows.
        per: "example" or "batch": what it is the mean over.
        summed: A batch's loss is the sum over its examples.
        examples: In one evaluation.
    """

    split: str | None = None
    functions: tuple[str, ...] = ()
    place: str | None = None
    shown: bool = True
    part: bool = False
    per: str | None = None
    summed: bool = False
    examples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualLoss(Fact, kind="manual-loss", question="Losses made without a loss function"):
    """A loss that no loss function of PyTorch's made, by the place of its backward.

    Args:
        place: Where its backward is called.
        looks: Times that it was inspected.
        root: Autograd name of the loss's root.
        operations: Autograd names near the root.
        broadcast: Where the batch met itself; None: nowhere seen.
        sum_root: Summed, not averaged, over the batch.
        probabilities: "sigmoid" or "softmax", whose logarithm it takes; None: neither.
        log_of_zero_risk: It takes the logarithm of a sigmoid, softmax or relu without a clamp.
        batch_size: Examples in a batch.
        target: Range of what stands against the model's output in a squared difference.
        per_square: The loss over the mean of the squares.
        classes: How many it chooses from, where it picks a log-softmax at each label.
        first_value: The loss at the first look.
    """

    place: str | None = None
    looks: int = 0
    root: str | None = None
    operations: tuple[str, ...] = ()
    broadcast: Broadcast | None = None
    sum_root: bool = False
    probabilities: str | None = None
    log_of_zero_risk: bool = False
    batch_size: int | None = None
    target: Spread | None = None
    per_square: float | None = None
    classes: int | None = None
    first_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTargets(Fact, kind="token-targets", question="How targets lie against tokens"):
    """How the targets of a loss over tokens lie against the tokens that the model read.

    Args:
        place: Where the loss is called.
        offset: Positions from an input to the target that equals it: 0 is a copy, 1 the next token, as the tensors are
            given; None: none stands out.
        agreement: Share of the targets that equal the input there.
        position: Position of a score that was followed back.
        depends_on: Last position of the tokens that it depends on; None: not followed.
        padding: `padding_idx` of the embedding that reads the same vocabulary.
        padding_share: Share of the targets that are that.
        ignored: `ignore_index` of the loss.
        counts_all: The loss counts all other targets alike: neither weights nor a mask of the script's own.
        filling: The token that ends most rows, of inputs and targets alike.
        filling_share: Share of the targets in such ends.
        filled_rows: Least share of a batch's rows that end in two and more of it.
        filling_elsewhere: Most often that it stands elsewhere in a batch.
        filling_varies: Longest less shortest end.
    """

    place: str | None = None
    offset: int | None = None
    agreement: float | None = None
    position: int | None = None
    depends_on: int | None = None
    padding: int | None = None
    padding_share: float | None = None
    ignored: int = -100
    counts_all: bool = True
    filling: int | None = None
    filling_share: float | None = None
    filled_rows: float | None = None
    filling_elsewhere: int | None = None
    filling_varies: int | None = None
