"""Numbers that arrive are handed over once each and in order, whatever comes in between."""

from __future__ import annotations

import sys
from functools import partial
from types import FrameType
from typing import Any

import torch

from surefoot.capture import deferred
from surefoot.capture.deferred import Deferred


def test_a_handler_that_hands_over_at_any_line() -> None:
    """A signal handler that trains takes what has arrived from under the hands of the one who does."""
    for at in range(1, 40):
        waiting, taken, left = Deferred(), list[float](), at
        for number in (1.0, 2.0, 3.0):
            waiting.arrived(taken.extend, [number])

        def line(frame: FrameType, event: str, argument: Any, waiting: Deferred = waiting) -> Any:
            nonlocal left
            left -= event == "line"
            if left == 0:
                left = -1
                waiting.hand_over()
            return line if frame.f_code.co_filename == deferred.__file__ else None

        sys.settrace(line)
        try:
            waiting.hand_over()
        finally:
            sys.settrace(None)
        assert sorted(taken) == [1.0, 2.0, 3.0]
        assert not waiting.arrivals


def test_each_vector_reaches_its_receiver() -> None:
    waiting, taken = Deferred(), dict[str, list[float]]()
    waiting.add(torch.arange(3), partial(taken.__setitem__, "integers"))
    waiting.add(torch.tensor([[0.1], [0.2]], dtype=torch.float64), partial(taken.__setitem__, "doubles"))
    waiting.collect()
    assert taken == {}
    waiting.hand_over()
    assert taken == {"integers": [0.0, 1.0, 2.0], "doubles": [0.1, 0.2]}
    assert len(waiting) == 0
