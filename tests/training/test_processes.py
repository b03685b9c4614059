"""The same script on one process and, by torchrun, on two: the same training."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from . import processes

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def on_two(folder, steps):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, *TORCHRUN, processes.__file__, str(folder), str(steps)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "told.json").read_text())


def agree(one, two):
    assert (one["processes"], two["processes"]) == (1, 2)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-4)
    np.testing.assert_allclose(two["validations"], one["validations"], rtol=1e-4)
    for a, b in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.distributed
def test_two_processes_train_as_one_does(tmp_path):
    # 70 examples in nines: shares of 5 and 4, and a last micro-batch of 7.
    one = processes.main(tmp_path / "one", 12)
    two = on_two(tmp_path / "two", 12)
    agree(one, two)
    assert two["runs"] == 1, "one process records"


@pytest.mark.slow
@pytest.mark.distributed
def test_two_go_on_with_what_one_began(tmp_path):
    whole = processes.main(tmp_path / "one", 12)
    begun = processes.main(tmp_path / "both", 5)
    both = on_two(tmp_path / "both", 12)
    assert both["losses"][:5] == begun["losses"] == whole["losses"][:5]
    np.testing.assert_allclose(both["losses"], whole["losses"], rtol=1e-4)
