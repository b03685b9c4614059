"""Steps left out because their gradient's norm is far above what the norms were: `skip_above=`.

The norm is held against the running median of the norms before it. All finite norms enter the median, those of steps
left out too: one spike in a hundred does not move it, and a level that has risen for good is the median soon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import inf
from typing import Any

import torch
from torch import Tensor

from surefoot.clipping.device_history import DevicePercentiles
from surefoot.clipping.history import WindowHistory
from surefoot.errors import SettingError

_WINDOW = 100  # norms whose median it is
_ENOUGH = 10  # before so many there is no median worth the name
_KEPT = 100  # places of the last steps left out


class Spikes:
    """Which steps of a training are left out as spikes, and which were.

    Args:
        above: k > 1: a norm above k times the running median is a spike.
        in_a_row: At most so many steps in a row, >= 1, are left out; the next is taken whatever its norm.

    Raises:
        SettingError: A setting is outside its range.

    Example:
        >>> spikes = Spikes(5.0, in_a_row=1)
        >>> [spikes.strikes(norm) for norm in [1.0] * 12 + [9.0, 9.0, 1.0]][11:]
        [False, True, False, False]
        >>> spikes.places()
        [12]
    """

    def __init__(self, above: float, in_a_row: int) -> None:
        if not 1 < above < inf:
            raise SettingError(f"skip_above={above} must be a number above 1: times the running median")
        if in_a_row < 1:
            raise SettingError(f"skip_in_a_row={in_a_row} must be 1 or more")
        self.above = above
        self.in_a_row = in_a_row
        self._median = WindowHistory(50, _WINDOW)
        self._steps = self._row = self._count = 0
        self._places: deque[int] = deque(maxlen=_KEPT)
        self._on_device: _DeviceSpikes | None = None

    def strikes(self, norm: float) -> bool:
        """Take the finite norm of a step in; whether the step is to be left out."""
        if self._on_device is not None:
            self.recall(self.memory())
        limit = self.above * self._median.threshold() if len(self._median) >= _ENOUGH else inf
        spike = norm > limit and self._row < self.in_a_row
        self._median.observe(norm)
        self._row = self._row + 1 if spike else 0
        if spike:
            self._places.append(self._steps)
            self._count += 1
        self._steps += 1
        return spike

    def strikes_on_device(self, norm: Tensor, record: Tensor) -> Tensor:
        """The same on the device: norm and result of shape (); what is not `record` neither enters nor is left out."""
        if self._on_device is None:
            self._on_device = _DeviceSpikes(self, norm)
        return self._on_device.strikes(norm, record)

    @property
    def count(self) -> int:
        """Steps left out so far; waits for a device that counts."""
        return int(self.memory()["count"])

    def places(self) -> list[int]:
        """The last hundred of them: how many finite steps came before each; waits for a device that counts."""
        return list(self.memory()["places"])

    def memory(self) -> dict[str, Any]:
        """All that is known, in plain numbers and a host tensor."""
        if self._on_device is not None:
            return self._on_device.memory()
        norms = torch.from_numpy(self._median.values())
        counters = {"steps": self._steps, "row": self._row, "count": self._count}
        return {"norms": norms, "places": list(self._places), **counters}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take what `memory` gave."""
        self._on_device = None
        self._median = WindowHistory(50, _WINDOW, memory["norms"].tolist())
        self._places = deque(memory["places"], maxlen=_KEPT)
        self._steps, self._row, self._count = (int(memory[name]) for name in ("steps", "row", "count"))


class _DeviceSpikes:
    """The same in tensors of shape (), and the places in a ring, shape (100,)."""

    def __init__(self, spikes: Spikes, like: Tensor) -> None:
        self._spikes = spikes
        memory = spikes.memory()
        self._median = DevicePercentiles(50, _WINDOW, [memory["norms"]], like.device)
        counters = [memory["steps"], memory["row"], memory["count"], min(len(memory["norms"]), _ENOUGH)]
        self._steps, self._row, self._count, self._held = torch.tensor(counters, device=like.device).unbind()
        ring = torch.zeros(_KEPT, dtype=torch.int64)
        for back, place in enumerate(reversed(memory["places"]), 1):
            ring[(memory["count"] - back) % _KEPT] = place
        self._ring = ring.to(like.device)

    def strikes(self, norm: Tensor, record: Tensor) -> Tensor:
        spikes = self._spikes
        limit = torch.where(
            self._held >= _ENOUGH, spikes.above * self._median.thresholds().squeeze(0), torch.inf
        )
        spike = record & (norm > limit) & (self._row < spikes.in_a_row)
        self._median.observe(norm.unsqueeze(0), record.unsqueeze(0))
        slot = (self._count % _KEPT).unsqueeze(0)
        place = torch.where(spike, self._steps, self._ring.gather(0, slot).squeeze(0))
        self._ring.scatter_(0, slot, place.unsqueeze(0))
        self._count = self._count + spike
        self._row = torch.where(record, (self._row + 1) * spike, self._row)
        self._steps = self._steps + record
        self._held = self._held + record
        return spike

    def memory(self) -> dict[str, Any]:
        steps, row, count = torch.stack([self._steps, self._row, self._count]).cpu().tolist()
        ring = self._ring.cpu().tolist()
        places = [ring[at % _KEPT] for at in range(max(0, count - _KEPT), count)]
        counters = {"steps": steps, "row": row, "count": count}
        return {"norms": self._median.values()[0], "places": places, **counters}
