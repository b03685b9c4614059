"""Smooth decays without a wave: exponential, inverse time, polynomial, linear, inverse square root."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.schedules.base import Schedule
from surefoot.schedules.lengths import Epochs, check_factor, check_length, steps_of


@dataclass(frozen=True, repr=False)
class Exponential(Schedule):
    """A constant share per interval: f(t) = gamma ** (t / every).

    Args:
        gamma: Factor per `every`, > 0.
        every: Steps or epochs in which it falls by gamma; in between it falls evenly.

    Raises:
        SettingError: A setting outside its range.

    Source: torch.optim.lr_scheduler.ExponentialLR has the same values at every=1.

    Example:
        >>> Exponential(0.5, every=10).values([0, 10, 20])
        [1.0, 0.5, 0.25]
    """

    gamma: float
    every: int | Epochs = 1

    def __post_init__(self) -> None:
        check_factor("gamma", self.gamma, least=1e-300)
        check_length("exponential every", self.every)

    def factor(self, step: int) -> float:
        return float(self.gamma ** (step / steps_of(self.every)))


@dataclass(frozen=True, repr=False)
class InverseTime(Schedule):
    """Slower and slower: f(t) = 1 / (1 + rate * t / every).

    Args:
        rate: How fast, >= 0; at 1 / rate intervals the factor is one half.
        every: Steps or epochs of one interval.

    Raises:
        SettingError: A setting outside its range.

    Source: Robbins, Monro 1951: a rate whose sum diverges and whose sum of squares does not; the form is
        Bottou 2012, "Stochastic gradient descent tricks", section 5.2.

    Example:
        >>> InverseTime(0.1).values([0, 10, 90])
        [1.0, 0.5, 0.1]
    """

    rate: float
    every: int | Epochs = 1

    def __post_init__(self) -> None:
        check_factor("rate", self.rate)
        check_length("inverse_time every", self.every)

    def factor(self, step: int) -> float:
        return 1.0 / (1.0 + self.rate * step / steps_of(self.every))


@dataclass(frozen=True, repr=False)
class Polynomial(Schedule):
    """From 1 to `end` along a power: f(t) = end + (1 - end) * (1 - t / length) ** power, then `end`.

    Args:
        length: Steps or epochs until `end`.
        power: Exponent, > 0; 1 is a straight line.
        end: Last factor, in [0, 1].

    Raises:
        SettingError: A setting outside its range.

    Source: torch.optim.lr_scheduler.PolynomialLR and transformers' get_polynomial_decay_schedule_with_warmup
        have the same values.

    Example:
        >>> Polynomial(100, power=2).values([0, 50, 100, 101])
        [1.0, 0.25, 0.0, 0.0]
    """

    length: int | Epochs
    power: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        check_length("polynomial", self.length)
        check_factor("power", self.power, least=1e-300)
        check_factor("end", self.end, most=1.0)

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        left = 1.0 - min(step, steps_of(self.length)) / steps_of(self.length)
        return float(self.end + (1.0 - self.end) * left**self.power)


@dataclass(frozen=True, repr=False)
class Linear(Schedule):
    """A straight line: f(t) = start + (end - start) * t / length, then `end`.

    Args:
        length: Steps or epochs until `end`.
        start: First factor, >= 0.
        end: Last factor, >= 0.

    Raises:
        SettingError: A setting outside its range.

    Source: torch.optim.lr_scheduler.LinearLR and transformers' get_linear_schedule_with_warmup have the same
        values.

    Example:
        >>> Linear(100).values([0, 25, 100, 200])
        [1.0, 0.75, 0.0, 0.0]
    """

    length: int | Epochs
    start: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        check_length("linear", self.length)
        check_factor("start", self.start)
        check_factor("end", self.end)

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        share = min(step, steps_of(self.length)) / steps_of(self.length)
        return self.start + (self.end - self.start) * share


@dataclass(frozen=True, repr=False)
class InverseSquareRoot(Schedule):
    """The Transformer's: a line up, then the root down: f(t) = t / w, then sqrt(s / (t + s - w)).

    w is `warmup` and s is `timescale`.

    Args:
        warmup: Steps or epochs of the rise; the factor reaches 1 there.
        timescale: Steps or epochs in which the fall is by the root of two; by default `warmup`.

    Raises:
        SettingError: A setting outside its range.

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 3. Differs: the peak is 1, not
        (width * warmup) ** -0.5: multiply by that to get the paper's rates with lr = 1.

    Example:
        >>> InverseSquareRoot(4000).values([0, 2000, 4000, 16000])
        [0.0, 0.5, 1.0, 0.5]
    """

    warmup: int | Epochs
    timescale: int | Epochs | None = None

    def __post_init__(self) -> None:
        check_length("inverse_square_root", self.warmup)
        if self.timescale is not None:
            check_length("timescale", self.timescale)

    def factor(self, step: int) -> float:
        rise = steps_of(self.warmup)
        if step < rise:
            return step / rise
        scale = rise if self.timescale is None else steps_of(self.timescale)
        return math.sqrt(scale / (step + scale - rise))

    def boundaries(self) -> tuple[int, ...]:
        return (0, steps_of(self.warmup))
