"""DDP, FSDP2 and DTensor in two processes; the checks are in distributed_training.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = ("check_placements", "check_ddp", "check_fsdp", "check_fsdp_nonfinite")


@pytest.mark.distributed
@pytest.mark.slow
def test_two_processes_on_gloo():
    script = Path(__file__).with_name("distributed_training.py")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line.split()[0] for line in done.stdout.splitlines() if line.endswith("passed")] == list(CHECKS)
