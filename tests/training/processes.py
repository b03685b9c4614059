"""A training for torchrun: the very script that one process runs too. Arguments: folder, steps."""

import json
import os
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from surefoot.training import fit
from training.tasks import regression


def main(folder, steps):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    result = fit(
        nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)),
        nn.MSELoss(),
        regression(),
        validate=regression(33, seed=4),
        lr=1e-2,
        batch_size=9,
        accumulate=2,
        steps=steps,
        checkpoint_every=3,
        folder=folder / "kept",
        runs=folder / "runs",
        resume=True,
    )
    told = {
        "losses": result.losses.tolist(),
        "validations": [found["val_loss"] for found in result.validations],
        "weights": [p.detach().reshape(-1).tolist() for p in result.model.parameters()],
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }
    if int(os.environ.get("RANK", "0")) == 0:
        told["runs"] = len(list((folder / "runs").iterdir()))
        (folder / "told.json").write_text(json.dumps(told))
    return told


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    torch.distributed.destroy_process_group()
