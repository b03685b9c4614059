"""The one interface of all clippers.

    clipper.attach(optimizer)   clips in each of the optimizer's steps from now on, by official step hooks
    clipper(parameters)         clips once, for loops that step by hand
    clipper.last                what the last step did

A subclass says how to clip a measured step, on the host (`_clip_on_host`) and on an accelerator
(`_clip_on_device`), and what it remembers (`_memory`, `_recall`).
"""

from __future__ import annotations

import copy
import difflib
import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.clipping.attachment import Attachment, stepping
from surefoot.clipping.device_step import clip_on_device
from surefoot.clipping.fused import why_not_fused
from surefoot.clipping.host_step import clip_on_host
from surefoot.clipping.policy import Nonfinite, Policy
from surefoot.clipping.result import ClipResult
from surefoot.clipping.skip_count import SkipCount
from surefoot.clipping.spikes import Spikes
from surefoot.clipping.step import Step, collect_by_hand
from surefoot.errors import ClippingError, SettingError
from surefoot.norms import per_parameter_norms

if TYPE_CHECKING:
    from typing_extensions import Self


Place = Literal["auto", "host", "device"]
NOT_A_NUMBER = float("nan")

_COMMON = ("nonfinite", "max_consecutive_skips", "skip_above", "skip_in_a_row", "threshold_on")
_DEFAULTS = {
    "nonfinite": "skip",
    "max_consecutive_skips": 100,
    "skip_above": None,
    "skip_in_a_row": 3,
    "threshold_on": "auto",
    "scope": "global",
    "history": "exact",
}

_clippers: weakref.WeakKeyDictionary[Optimizer, Clipper] = weakref.WeakKeyDictionary()


def attached(optimizer: Optimizer) -> Clipper | None:
    """The clipper attached to this optimizer, or None."""
    return _clippers.get(optimizer)


class Clipper(ABC):
    """What all clippers share; see a subclass for how to use one.

    Args:
        nonfinite: What happens when a gradient is NaN or infinite (never recorded in any case):
            "skip": the step is left out, weights and optimizer state stay exactly as they were;
            "zero": entries that are not finite become 0, the rest is clipped and the step taken;
            "raise": NonfiniteGradient before the step; "propagate": the gradients stay as they are.
        max_consecutive_skips: More skipped steps in a row than this raise NonfiniteGradient.
        skip_above: k > 1: a step whose norm is above k times the running median (of the last 100 norms) is left
            out whole; None: none is. `spikes` counts them and keeps their places.
        skip_in_a_row: At most so many of those in a row; the next step is taken whatever its norm.
        threshold_on: Where thresholds are computed. "auto": on the host for gradients in host memory, else
            on the gradients' device without a synchronisation. "host" and "device" force one of them.
    """

    def __init__(
        self,
        *,
        nonfinite: Nonfinite = "skip",
        max_consecutive_skips: int = 100,
        skip_above: float | None = None,
        skip_in_a_row: int = 3,
        threshold_on: Place = "auto",
        **unknown: object,
    ) -> None:
        if unknown:
            raise SettingError(_no_setting(type(self), next(iter(unknown))))
        for name, value, allowed in (
            ("nonfinite", nonfinite, get_args(Nonfinite)),
            ("threshold_on", threshold_on, get_args(Place)),
        ):
            if value not in allowed:
                raise SettingError(f"{name}={value!r} is none of {', '.join(allowed)}")
        if max_consecutive_skips < 0:
            raise SettingError(f"max_consecutive_skips={max_consecutive_skips} must be 0 or more")
        self.nonfinite: Nonfinite = nonfinite
        self.max_consecutive_skips = max_consecutive_skips
        self.threshold_on: Place = threshold_on
        self.skip_above = skip_above
        self.skip_in_a_row = skip_in_a_row
        self.spikes = None if skip_above is None else Spikes(skip_above, skip_in_a_row)
        self.last: ClipResult | None = None
        self._attachment: Attachment | None = None
        self._skips = SkipCount()

    # ---- attach, detach

    def attach(self, optimizer: Optimizer, model: nn.Module | None = None) -> Self:
        """Clip in each step of an optimizer from now on.

        Args:
            optimizer: Any torch optimizer, or a wrapper with one inside (Accelerate, Lightning): the hooks go
                on the optimizer that really steps. Attaching inside one of its pre-hooks clips that very
                step. Parameter groups with `clip=False` are neither measured nor clipped.
            model: Gives parameters their names, for messages and for `scope="module"`.

        Returns:
            The clipper itself; as a context manager it detaches at the end.

        Raises:
            ClippingError: The clipper or the optimizer is already attached, or the optimizer takes no hooks.

        Effects: registers step hooks. The optimizer's checkpoint, pickle and deepcopy are as without them; a
            deep copy of the optimizer has no clipper.
        """
        optimizer = stepping(optimizer)
        if self.optimizer is optimizer:
            return self
        if self.optimizer is not None:
            raise ClippingError(
                f"this {type(self).__name__} is attached to another optimizer: "
                "make one for each, for example with clone()"
            )
        if optimizer in _clippers:
            raise ClippingError(
                f"this {type(optimizer).__name__} already has {_clippers[optimizer]!r}: detach that first"
            )
        if any(hasattr(p, "_fsdp_flattened") for group in optimizer.param_groups for p in group["params"]):
            raise ClippingError(
                "these are shards of FullyShardedDataParallel, whose norms cannot be told from a whole "
                "gradient's: shard with fully_shard, or call the wrapper's own clip_grad_norm_"
            )
        names = {} if model is None else {id(p): name for name, p in model.named_parameters()}
        skips = self.nonfinite == "skip" or self.spikes is not None
        self._attachment = Attachment(optimizer, self._clip, skips, names)
        _clippers[optimizer] = self
        return self

    def detach(self) -> None:
        """Take the hooks off again; what was learned stays.

        Effects: the optimizer is as it was before `attach`.
        """
        if self._attachment is not None:
            if self.optimizer is not None:
                _clippers.pop(self.optimizer, None)
            self._attachment.remove()
            self._attachment = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer it is attached to."""
        return self._attachment.optimizer if self._attachment else None

    def clone(self) -> Self:
        """A clipper with the same settings, nothing learned, attached to nothing."""
        return type(self)(**self._settings())

    # ---- one step

    def __call__(self, parameters: Iterable[Tensor] | Tensor) -> ClipResult:
        """Clip the gradients of these parameters, for a loop that steps by hand.

        Args:
            parameters: Parameters after backward; those without a gradient are left out.

        Returns:
            What was done. With `nonfinite="skip"`, gradients that are not finite become zero and `skipped` is
            true: leave the step out, or it still decays weights and moves on by momentum.

        Raises:
            ClippingError: Gradients were given instead of parameters.
            NonfiniteGradient: As `nonfinite` and `max_consecutive_skips` say.

        Effects: changes `.grad` in place.
        """
        return self._clip(collect_by_hand(parameters))

    def _clip(self, step: Step) -> ClipResult:
        if not step.gradients:
            self.last = ClipResult(step.parameters, torch.zeros(0), (0.0, NOT_A_NUMBER, 1.0))
        elif self.on_host(step.gradients[0]):
            self.last = clip_on_host(step, self._policy())
        else:
            self.last = clip_on_device(step, self._policy(), self.last)
        return self.last

    def _policy(self) -> Policy:
        return Policy(
            self._measure,
            self._clip_on_host,
            self._clip_on_device,
            self._threshold_now,
            self.nonfinite,
            self.max_consecutive_skips,
            self._skips,
            self.spikes,
        )

    def on_host(self, gradient: Tensor) -> bool:
        """Whether the threshold for this gradient is computed on the host."""
        return self.threshold_on == "host" or (self.threshold_on == "auto" and gradient.device.type == "cpu")

    # ---- what a subclass says

    @abstractmethod
    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        """Clip finite gradients with these norms; returns (threshold, factor)."""

    @abstractmethod
    def _clip_on_device(
        self, step: Step, norms: Tensor, norm: Tensor, record: Tensor, usable: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same on the device: recorded where `record`, clipped where `usable`, both shape (), bool."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """The arguments that make an equal clipper."""
        return {name: getattr(self, name) for name in _COMMON}

    def _measure(self, step: Step, dtype: torch.dtype) -> Tensor:
        """Norm of each gradient, shape (n,)."""
        return per_parameter_norms(step.gradients, dtype)

    def _threshold_now(self) -> float:
        """The threshold without a new norm, for steps that are not recorded."""
        return NOT_A_NUMBER

    def _memory(self) -> dict[str, Any]:
        """What was learned, in plain numbers and host tensors."""
        return {}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        """Take what `_memory` gave."""
        return

    def _why_not_one_factor(self) -> str | None:
        """Why there is no single factor that could travel; None if there is one."""
        return None

    # ---- keeping

    def state_dict(self) -> dict[str, Any]:
        """All that was learned, in plain numbers and host tensors, for `torch.load(weights_only=True)`."""
        spikes = {} if self.spikes is None else {"spikes": self.spikes.memory()}
        return {"clipper": type(self).__name__, "skips": self._skips.number, **spikes, **self._memory()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` left off, bitwise.

        Raises:
            ClippingError: The state is of another kind of clipper, or of settings that do not fit.
        """
        kind = state.get("clipper")
        if kind != type(self).__name__:
            raise ClippingError(f"a state saved by {kind!r} cannot be loaded into {type(self).__name__}")
        self._recall(state)
        self._skips.number = int(state["skips"])
        if self.spikes is not None and "spikes" in state:
            self.spikes.recall(state["spikes"])

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings(), "state": copy.deepcopy(self.state_dict())}

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        # Unattached: hooks do not survive a copy of their optimizer either.
        type(self).__init__(self, **pickled["settings"])
        self.load_state_dict(pickled["state"])

    # ---- telling

    def describe(self) -> str:
        """What it does, which path the clipping takes, and why."""
        optimizer = self.optimizer
        if optimizer is None:
            return f"{self!r}, attached to no optimizer: clips in place where it is called"
        held = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in held if p.grad is not None]
        reason = self._why_not_one_factor() or why_not_fused(optimizer, gradients)
        if reason is None:
            path = (
                "the factor travels to the fused kernel as grad_scale, "
                "so clipping costs one read of the gradients"
            )
        else:
            path = f"gradients are scaled in place where they are clipped, because {reason}"
        if self.on_host(held[0]):
            place = "thresholds are computed on the host, from norms in host memory"
        else:
            place = "thresholds are computed on the device, without a synchronisation"
            if (self.nonfinite in ("skip", "raise") or self.spikes is not None) and reason is not None:
                place += (
                    ", and each step keeps a copy of weights and state, so that one with NaN or infinite "
                    "gradients can be undone there (fused=True or nonfinite='zero' spares the copy)"
                )
        return f"{self!r} on {type(optimizer).__name__}: {path}; {place}"

    def __repr__(self) -> str:
        said = {name: value for name, value in self._settings().items() if value != _DEFAULTS.get(name)}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in said.items())})"


def _no_setting(kind: type, name: str) -> str:
    """What to say of a setting that a clipper does not have."""
    parameters = [
        parameter
        for each in kind.__mro__
        if "__init__" in vars(each)
        for parameter in inspect.signature(vars(each)["__init__"]).parameters.values()
    ]
    known = [each.name for each in parameters if each.kind != each.VAR_KEYWORD and each.name != "self"]
    known = [each for each in dict.fromkeys(known) if each not in ("args", "kwargs")]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}."
    return f"{kind.__name__} has no setting {name!r}: {hint}"
