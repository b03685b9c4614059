"""Runs beside each other: what changed between them, and whether it helped.

`compare` reads and judges the runs; `between` compares two histories; `terminal`, `json` and `html` show a
`Comparison`. None imports torch.
"""

from surefoot.comparison.engine import compare
from surefoot.comparison.records import Comparison

__all__ = ["Comparison", "compare"]
