"""The hand-made training that all rule tests start from is healthy in every rule's eyes."""

import pytest

from rules.build import Training
from surefoot.rules import diagnose


@pytest.mark.parametrize("steps", [40, 300, 2000])
@pytest.mark.parametrize("status", ["running", "finished", "stopped", "crashed"])
def test_healthy(steps: int, status: str) -> None:
    assert [f.code for f in diagnose(Training(steps=steps, status=status).history)] == []
