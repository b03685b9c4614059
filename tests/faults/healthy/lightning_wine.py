import logging
import warnings

import lightning as L
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
L.seed_everything(25)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
p = torch.randperm(178)
train, val = TensorDataset(X[p[:130]], y[p[:130]]), TensorDataset(X[p[130:]], y[p[130:]])


class Wine(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3))

    def training_step(self, batch, _):
        x, t = batch
        return nn.functional.cross_entropy(self.net(x), t)

    def validation_step(self, batch, _):
        x, t = batch
        out = self.net(x)
        self.log("val_loss", nn.functional.cross_entropy(out, t))
        self.log("val_acc", (out.argmax(1) == t).float().mean())

    def configure_optimizers(self):
        opt = torch.optim.AdamW(self.parameters(), lr=5e-3)
        return [opt], [torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)]


trainer = L.Trainer(max_epochs=12, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, gradient_clip_val=1.0)
trainer.fit(Wine(), DataLoader(train, 13, shuffle=True), DataLoader(val, 48))
print({k: round(v.item(), 4) for k, v in trainer.callback_metrics.items()})
