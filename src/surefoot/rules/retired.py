"""Codes that once were rules. A code never changes its meaning and never returns."""

from __future__ import annotations

# code -> (version that dropped it, what to read instead)
RETIRED: dict[str, tuple[str, str]] = {}
