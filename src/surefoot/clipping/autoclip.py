"""AutoClip: the threshold is a percentile of the norms seen so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from surefoot.clipping.base import NOT_A_NUMBER
from surefoot.clipping.by_threshold import GLOBAL, ThresholdClipper
from surefoot.clipping.device_history import DevicePercentiles
from surefoot.clipping.history import FullHistory, WindowHistory, percentile_history
from surefoot.clipping.streaming import DeviceStreaming, StreamingHistory
from surefoot.errors import ClippingError, SettingError

HistoryKind = Literal["exact", "streaming"]
_Histories = FullHistory | WindowHistory | StreamingHistory


class AutoClip(ThresholdClipper):
    """Clips the gradient's norm to the p-th percentile of all norms seen so far, the current one included.

    With p = 10, the default, a step is clipped about nine times in ten: the steps share a length that
    follows the smaller gradients of the past.

    Args:
        percentile: p in [0, 100]. 0 clips to the smallest norm so far, 100 never clips.
        window: Take the percentile of the last `window` norms only; None, as in the paper, of all.
        history: "exact", or "streaming": one number a unit in place of all norms, for accelerators, shards and scopes
            of many units. It follows the percentile of about the last 200 norms, off by a few percent.
        scope: What has a norm and a history of its own: "global", all gradients together as in the paper;
            "group", each parameter group; "module"; "parameter".
        common: See `Clipper`: nonfinite, max_consecutive_skips, threshold_on.

    Raises:
        SettingError: A setting is outside its range.

    Source: Seetharaman, Wichern, Pardo, Le Roux 2020, "AutoClip: Adaptive Gradient Clipping for Source
        Separation Networks", arXiv:2007.14469, Algorithm 1. Differs: norms that are not finite are never
        recorded; the factor is min(1, threshold / norm) without an epsilon; window, scopes and the streaming
        history (see `StreamingHistory`) are ours (the paper leaves them open).

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.zeros(2))
        >>> optimizer = torch.optim.SGD([weight], lr=1.0)
        >>> clipper = AutoClip(percentile=50).attach(optimizer)
        >>> for length in (1.0, 3.0):
        ...     weight.grad = torch.tensor([length, 0.0])
        ...     optimizer.step()
        >>> clipper.last
        ClipResult(norm=3, threshold=2, factor=0.666667, skipped=False)
    """

    def __init__(
        self,
        percentile: float = 10,
        *,
        window: int | None = None,
        history: HistoryKind = "exact",
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if not 0 <= percentile <= 100:
            raise SettingError(f"percentile={percentile} is outside [0, 100]")
        if window is not None and window < 1:
            raise SettingError(f"window={window} must be 1 or more, or None for all steps")
        if history not in get_args(HistoryKind):
            raise SettingError(f"history={history!r} is none of {', '.join(get_args(HistoryKind))}")
        if history == "streaming" and not 0 < percentile < 100:
            raise SettingError(
                f"percentile={percentile}: a streaming history has those between 0 and 100 only"
            )
        if history == "streaming" and window is not None:
            raise SettingError(f"a streaming history keeps no norms: window={window} must be None")
        self.percentile = percentile
        self.window = window
        self.history: HistoryKind = history
        self._histories: dict[str, _Histories] = {}
        # On an accelerator, one batch instead: the unit of each row, and the rows of each set of units.
        self._on_device: DevicePercentiles | DeviceStreaming | None = None
        self._names: list[str] = []
        self._rows_of: dict[tuple[str, ...], Tensor] = {}

    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> list[float]:
        if self._on_device is not None:
            self._recall(self._memory())  # the gradients have moved to host memory
        histories = self._histories
        thresholds = []
        for unit, norm in zip(units, norms, strict=True):
            history = histories.get(unit)
            if history is None:
                history = histories[unit] = self._history()
            thresholds.append(history.observe(norm) if record else history.threshold())
        return thresholds

    def _thresholds_on_device(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        rows = self._rows_of.get(units)
        if rows is None or self._on_device is None:
            # A copy to the device, made once for each set of units.
            rows = self._move_to_device(units, norms.device)
        assert self._on_device is not None
        if list(units) == self._names:  # the usual case, without copies to rows and back
            return self._on_device.observe(norms, record.expand(len(units)))
        # Units without a gradient in this step record nothing.
        everywhere = norms.new_zeros(len(self._names)).index_copy(0, rows, norms)
        present = torch.zeros_like(everywhere, dtype=torch.bool)
        present.index_copy_(0, rows, record.expand(len(units)))
        return self._on_device.observe(everywhere, present)[rows]

    def _move_to_device(self, units: tuple[str, ...], device: torch.device) -> Tensor:
        """Put all histories, and empty ones for new units, on the device in one batch; the units' rows."""
        if self._on_device is None or any(unit not in self._names for unit in units):
            held = self._values()
            self._names = list(dict.fromkeys([*held, *units]))
            none = torch.empty(0, dtype=torch.float64)
            start = [held.get(name, none) for name in self._names]
            if self.history == "streaming":
                self._on_device = DeviceStreaming(self.percentile, start, device)
            else:
                self._on_device = DevicePercentiles(self.percentile, self.window, start, device)
            self._rows_of = {}
            self._histories = {}
        rows = torch.tensor([self._names.index(unit) for unit in units], device=device)
        self._rows_of[units] = rows
        return rows

    def _history(self, values: Sequence[float] = ()) -> _Histories:
        if self.history == "streaming":
            return StreamingHistory(self.percentile, values)
        return percentile_history(self.percentile, self.window, values)

    def _values(self) -> dict[str, Tensor]:
        """What each unit's history holds, float64, on the host."""
        if self._on_device is not None:
            return dict(zip(self._names, self._on_device.values(), strict=True))
        return {unit: torch.from_numpy(history.values()) for unit, history in self._histories.items()}

    def _threshold_now(self) -> float:
        history = self._histories.get(GLOBAL)
        return NOT_A_NUMBER if history is None else history.threshold()

    def _settings(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in ("percentile", "window", "history")}
        return {**settings, **super()._settings()}

    def _memory(self) -> dict[str, Any]:
        return {
            "window": self.window,
            "history": self.history,
            "scope": self.scope,
            "histories": self._values(),
        }

    def _recall(self, memory: Mapping[str, Any]) -> None:
        for name in ("window", "history", "scope"):
            learned = memory.get(name, "exact")  # as all were before there was another history
            if learned != getattr(self, name):
                raise ClippingError(
                    f"the state was learned with {name}={learned!r} and this AutoClip has "
                    f"{name}={getattr(self, name)!r}: make it with the same {name}"
                )
        self._on_device = None
        self._histories = {
            unit: self._history(values.tolist()) for unit, values in memory["histories"].items()
        }
