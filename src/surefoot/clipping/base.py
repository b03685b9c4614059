"""The one interface of all clippers, and how they attach to an optimizer.

    clipper.attach(optimizer)   clips in each of the optimizer's steps from now on, by official step hooks
    clipper(parameters)         clips once, for loops that step by hand
    clipper.last                what the last step did

A subclass says how to clip a measured step, on the host (`_clip_on_host`) and on an accelerator
(`_clip_on_device`), and what it remembers (`_memory`, `_recall`).
"""

from __future__ import annotations

import copy
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from math import hypot, inf, isnan
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from surefoot.clipping.fused import KernelArguments, why_not_fused
from surefoot.clipping.names import describe_parameters
from surefoot.clipping.result import ClipResult
from surefoot.clipping.skipping import HiddenGradients, Snapshot, leaves_alone_without_gradients
from surefoot.clipping.step import Step, collect, collect_by_hand, dense_parts, scale_gradients
from surefoot.errors import ClippingError, NonfiniteGradient, SettingError
from surefoot.norms import per_parameter_norms

if TYPE_CHECKING:
    from typing_extensions import Self

Nonfinite = Literal["skip", "zero", "raise", "propagate"]
NOT_A_NUMBER = float("nan")

# Outside of these the squares inside a float32 norm lose digits or overflow: measure again in float64.
_SMALLEST, _LARGEST = 1e-12, 1e18

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
        threshold_on: Where thresholds are computed. "auto": on the host for gradients in host memory, else
            on the gradients' device, without a synchronisation. "device" and "host" force one of them.
    """

    def __init__(
        self,
        *,
        nonfinite: Nonfinite = "skip",
        max_consecutive_skips: int = 100,
        threshold_on: Literal["auto", "host", "device"] = "auto",
    ) -> None:
        if nonfinite not in get_args(Nonfinite):
            raise SettingError(f"nonfinite={nonfinite!r} is none of {', '.join(get_args(Nonfinite))}")
        if max_consecutive_skips < 0:
            raise SettingError(f"max_consecutive_skips={max_consecutive_skips} must be 0 or more")
        if threshold_on not in ("auto", "host", "device"):
            raise SettingError(f"threshold_on={threshold_on!r} is none of auto, host, device")
        self.nonfinite: Nonfinite = nonfinite
        self.max_consecutive_skips = max_consecutive_skips
        self.threshold_on = threshold_on
        self.last: ClipResult | None = None
        self.steps = 0
        self._skips = 0  # in a row
        self._unattach()

    def _unattach(self) -> None:
        self._optimizer: weakref.ref[Optimizer] | None = None
        self._handles: list[RemovableHandle] = []
        self._names: dict[int, str] = {}
        self._kernel = KernelArguments()
        self._hidden: list[HiddenGradients] = []
        self._snapshot: Snapshot | None = None
        self._skip_now = False
        self._unsettled = False
        # Whether the optimizer moves weights before, or between, evaluations of its closure; None: not known
        # yet.
        self._moves_before_closure: bool | None = None
        self._fused_checked: tuple[int, bool] = (-1, False)
        # One number in host memory that the fused kernel divides by.
        self._divisor = torch.ones((), dtype=torch.float32)
        self._divisor_memory = self._divisor.numpy()

    # ---- attach, detach

    def attach(self, optimizer: Optimizer, model: nn.Module | None = None) -> Self:
        """Clip in each step of an optimizer from now on.

        Args:
            optimizer: Any torch optimizer, or a wrapper with one inside (Accelerate, Lightning). The step
                hooks go on the optimizer that really steps. Attaching inside one of its pre-hooks clips that
                very step.
            model: Gives parameters their names, for messages and for units by module.

        Returns:
            The clipper itself; as a context manager it detaches at the end.

        Raises:
            ClippingError: The clipper or the optimizer is already attached, or the optimizer takes no step
                hooks.

        Effects: registers a step pre-hook and post-hook. The optimizer's checkpoint, pickle and deepcopy are
            as without them; a deep copy of the optimizer has no clipper.
        """
        optimizer = _stepping(optimizer)
        if _clippers.get(optimizer) is self:
            return self
        if self._optimizer is not None and self._optimizer() is not None:
            raise ClippingError(
                f"this {type(self).__name__} is attached to another optimizer: make one for each, "
                "for example with clone()"
            )
        if optimizer in _clippers:
            raise ClippingError(
                f"this {type(optimizer).__name__} already has {_clippers[optimizer]!r} attached: detach that first"
            )
        if model is not None:
            self._names = {id(p): name for name, p in model.named_parameters()}
        self._check_attach(optimizer)
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]
        self._optimizer = weakref.ref(optimizer)
        _clippers[optimizer] = self
        return self

    def detach(self) -> None:
        """Take the hooks off again; what was learned stays.

        Effects: the optimizer is as it was before `attach`.
        """
        optimizer = self._optimizer() if self._optimizer else None
        if optimizer is not None:
            self._settle(optimizer)
            _clippers.pop(optimizer, None)
        for handle in self._handles:
            handle.remove()
        self._unattach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer it is attached to."""
        return self._optimizer() if self._optimizer else None

    def clone(self) -> Self:
        """A clipper with the same settings, nothing learned, attached to nothing."""
        return type(self)(**self._settings())

    # ---- one step

    def __call__(self, parameters: Iterable[Tensor] | Tensor) -> ClipResult:
        """Clip the gradients of these parameters, for a loop that steps by hand.

        Args:
            parameters: Parameters after backward; those without a gradient are left out.

        Returns:
            What was done. With `nonfinite="skip"` and gradients that are not finite they become zero and `skipped`
            is true: leave the step out.

        Raises:
            ClippingError: Gradients were given instead of parameters.
            NonfiniteGradient: As `nonfinite` and `max_consecutive_skips` say.

        Effects: changes `.grad` in place.
        """
        self.last = result = self._clip(collect_by_hand(parameters))
        return result

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if self._unsettled:
            self._settle(optimizer)  # the last step raised
        # args[0] is the optimizer; Accelerate passes closure=None by position.
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if callable(closure):
            closure = self._clipped_closure(optimizer, closure)
            if len(args) > 1:
                return (args[0], closure, *args[2:]), kwargs
            return args, {**kwargs, "closure": closure}
        self.last = self._clip(collect(optimizer, True))
        return None

    def _clipped_closure(self, optimizer: Optimizer, closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure, with the gradients that it leaves clipped. Later evaluations in a step are not recorded."""
        if self._moves_before_closure is None and leaves_alone_without_gradients(optimizer):
            self._moves_before_closure = False
        if self.nonfinite == "skip" and self._moves_before_closure is not False:
            self._snapshot = Snapshot(optimizer)
            self._unsettled = True
        evaluations = 0

        def clipped() -> Any:
            nonlocal evaluations
            loss = closure()
            if self._moves_before_closure is None and self._snapshot is not None:
                if evaluations or self._snapshot.moved():
                    self._moves_before_closure = True
            self._kernel.take_back(optimizer)
            self.last = self._clip(collect(optimizer, evaluations == 0))
            evaluations += 1
            return loss

        return clipped

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._unsettled:
            self._settle(optimizer)

    def _settle(self, optimizer: Optimizer) -> None:
        """End a step: put back what was lent or hidden, and everything if the step was to be left out."""
        if self._kernel.lent:
            self._kernel.take_back(optimizer)
        if self._skip_now and self._snapshot is not None:
            self._snapshot.restore(optimizer)
        elif self._snapshot is not None and self._moves_before_closure is None:
            self._moves_before_closure = False
        for hidden in reversed(self._hidden):
            hidden.give_back()
        self._hidden.clear()
        self._snapshot = None
        self._skip_now = self._unsettled = False

    # ---- clipping

    def _clip(self, step: Step) -> ClipResult:
        gradients = step.gradients
        if not gradients:
            return ClipResult(step.parameters, torch.zeros(0), (0.0, NOT_A_NUMBER, 1.0))
        if self.threshold_on == "host" or (self.threshold_on == "auto" and gradients[0].device.type == "cpu"):
            return self._host_step(step)
        raise NotImplementedError

    def _host_step(self, step: Step) -> ClipResult:
        norms = self._measure(step, torch.float32)
        values: list[float] = norms.tolist()
        norm = hypot(*values)
        if not _SMALLEST < norm < _LARGEST and not isnan(norm):
            norms = self._measure(step, torch.float64)
            values = norms.tolist()
            norm = hypot(*values)
        if step.found_inf is not None and step.found_inf.cpu().numpy() > 0:
            # GradScaler's overflow: it will lower its scale. Nothing to learn here, and nothing to complain
            # of.
            self._hide(step)
            return ClipResult(step.parameters, norms, (norm, self._threshold_now(), 1.0), skipped=True)
        if step.scale is not None:
            scale = float(step.scale.cpu().numpy())
            values = [value / scale for value in values]
            norm /= scale
        if not norm < inf:
            return self._not_finite(step, norms, values, norm)
        self._skips = 0
        if step.record:
            self.steps += 1
        threshold, factor = self._clip_on_host(step, values, norm)
        return ClipResult(step.parameters, norms, (norm, threshold, factor), scale=step.scale)

    def _not_finite(self, step: Step, norms: Tensor, values: list[float], norm: float) -> ClipResult:
        if self.nonfinite == "zero":
            with torch.no_grad():
                for part in dense_parts(step.gradients):
                    part.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
            step.record = False
            return self._host_step(step)
        skipped = False
        if self.nonfinite != "propagate":
            self._skips += 1
            if self.nonfinite == "raise" or self._skips > self.max_consecutive_skips:
                raise NonfiniteGradient(self._complaint(step, values))
            self._hide(step)
            skipped = True
        return ClipResult(step.parameters, norms, (norm, self._threshold_now(), 1.0), skipped=skipped)

    def _hide(self, step: Step) -> None:
        """Leave this step out."""
        optimizer = step.optimizer
        if optimizer is None:
            with torch.no_grad():
                torch._foreach_zero_(dense_parts(step.gradients))
            return
        if self._snapshot is None and not leaves_alone_without_gradients(optimizer):
            self._snapshot = Snapshot(optimizer)
        everything = [p for group in optimizer.param_groups for p in group["params"]]
        self._hidden.append(HiddenGradients(everything))
        self._skip_now = self._unsettled = True

    def _complaint(self, step: Step, values: list[float]) -> str:
        bad = [p for p, value in zip(step.parameters, values, strict=True) if not value < inf]
        names = describe_parameters(bad, step.optimizer, self._names)
        if self.nonfinite == "raise":
            return f"the gradient of {names} is NaN or infinite: find where it comes from, or clip with nonfinite='skip'"
        return (
            f"{self._skips} steps in a row were skipped because the gradient of {names} was NaN or infinite: "
            "the training no longer moves; lower the learning rate or go back to an earlier checkpoint"
        )

    def _travels(self, step: Step) -> bool:
        """Whether one factor for all gradients may go to the optimizer's fused kernel."""
        if not step.fused or step.optimizer is None:
            return False
        count = len(step.gradients)
        if self._fused_checked[0] != count:
            self._fused_checked = (count, why_not_fused(step.optimizer, step.gradients) is None)
        return self._fused_checked[1]

    def _scale_all(self, step: Step, factor: float) -> None:
        """Multiply all gradients by one factor in [0, 1), in the kernel if it can be."""
        if self._travels(step) and step.optimizer is not None:
            scale = 1.0 if step.scale is None else float(step.scale.cpu().numpy())
            self._divisor_memory[...] = scale / factor if factor else inf
            self._kernel.lend(step.optimizer, self._divisor)
            self._unsettled = True
        else:
            scale_gradients(step.gradients, factor)

    # ---- what a subclass says

    @abstractmethod
    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        """Clip measured, finite gradients; returns (threshold, factor)."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """The arguments that make an equal clipper."""

    def _measure(self, step: Step, dtype: torch.dtype) -> Tensor:
        """Norm of each gradient, shape (n,)."""
        return per_parameter_norms(step.gradients, dtype)

    def _threshold_now(self) -> float:
        """The threshold without a new norm, for steps that are not recorded."""
        return NOT_A_NUMBER

    def _check_attach(self, optimizer: Optimizer) -> None:
        """Raise what makes this clipper impossible for this optimizer."""

    def _memory(self) -> dict[str, Any]:
        return {}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        pass

    # ---- keeping

    def state_dict(self) -> dict[str, Any]:
        """All that was learned, in plain numbers and host tensors; `torch.load(weights_only=True)` reads it."""
        return {
            "clipper": type(self).__name__,
            "steps": self.steps,
            "skips": self._skips,
            **self._memory(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` left off, bitwise.

        Raises:
            ClippingError: The state is of another kind of clipper, or was learned with settings that do not
                fit.
        """
        kind = state.get("clipper")
        if kind != type(self).__name__:
            raise ClippingError(
                f"the state was saved by {kind!r} and cannot be loaded into {type(self).__name__}"
            )
        self._recall(state)
        self.steps = int(state["steps"])
        self._skips = int(state["skips"])

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings(), "state": copy.deepcopy(self.state_dict())}

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        type(self).__init__(self, **pickled["settings"])
        self.load_state_dict(pickled["state"])

    # ---- telling

    def describe(self) -> str:
        """One or two sentences: what it does, which path the clipping takes, and why."""
        optimizer = self.optimizer
        if optimizer is None:
            return f"{self!r}, attached to no optimizer: clips in place where it is called"
        path = self._path(optimizer)
        return f"{self!r} on {type(optimizer).__name__}: {path}"

    def _path(self, optimizer: Optimizer) -> str:
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        reason = self._why_not_one_factor() or why_not_fused(optimizer, gradients)
        if reason is None:
            return "the factor travels to the fused kernel as grad_scale, so clipping costs one read of the gradients"
        return f"gradients are scaled in place where they are clipped, because {reason}"

    def _why_not_one_factor(self) -> str | None:
        """Why there is no single factor that could travel; None if there is one."""
        return None

    def __repr__(self) -> str:
        plain = {name: value for name, value in self._settings().items() if value != _DEFAULTS.get(name)}
        arguments = ", ".join(f"{name}={value!r}" for name, value in plain.items())
        return f"{type(self).__name__}({arguments})"


_DEFAULTS = {"nonfinite": "skip", "max_consecutive_skips": 100, "threshold_on": "auto"}


def _stepping(optimizer: Any) -> Optimizer:
    """The optimizer inside a wrapper that takes no step hooks itself."""
    inner = optimizer
    while not hasattr(inner, "_optimizer_step_pre_hooks"):
        for name in ("optimizer", "base_optimizer", "base", "_optimizer"):
            if hasattr(inner, name):
                inner = getattr(inner, name)
                break
        else:
            raise ClippingError(
                f"{type(optimizer).__name__} takes no step hooks and holds no optimizer that does: "
                "call the clipper on the parameters before each step"
            )
    return inner  # type: ignore[no-any-return]
