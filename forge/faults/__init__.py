"""Fault operators: a sound Program to the same with one fault, or None where it has no place for it.

Those that expect nothing are sound forms, which tempt to a false alarm.
"""

from __future__ import annotations

from forge.faults import dynamics, losses, modelling, sound, starts, wiring
from forge.faults.base import Fault, all_faults

FAULTS: dict[str, Fault] = all_faults(wiring, losses, modelling, starts, dynamics, sound)
