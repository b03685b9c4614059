"""Lightning: fit with validation, then test; two batches of accumulation."""

import logging
import warnings

warnings.filterwarnings("ignore")
for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)
import lightning as L
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = torch.randn(120, 4), torch.randint(0, 3, (120,))


class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))

    def step(self, batch, name):
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.log(f"{name}_loss", loss, on_epoch=True, on_step=False)
        return loss

    def training_step(self, batch, index):
        return self.step(batch, "train")

    def validation_step(self, batch, index):
        self.step(batch, "val")

    def test_step(self, batch, index):
        self.step(batch, "test")

    def on_validation_epoch_end(self):
        print("val", self.trainer.callback_metrics["val_loss"].item())

    def on_test_epoch_end(self):
        print("test", self.trainer.callback_metrics["test_loss"].item())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


def loader(a, b):
    return DataLoader(TensorDataset(x[a:b], y[a:b]), batch_size=8)


model = Net()
trainer = L.Trainer(
    max_epochs=3,
    accumulate_grad_batches=2,
    logger=False,
    enable_checkpointing=False,
    num_sanity_val_steps=0,
    enable_progress_bar=False,
    enable_model_summary=False,
    accelerator="cpu",
)
trainer.fit(model, loader(0, 64), loader(64, 92))
trainer.test(model, loader(92, 120), verbose=False)
