import logging
import warnings

import lightning as L
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
L.seed_everything(120)
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X / 16).float(), torch.tensor(y))
train, val = torch.utils.data.random_split(data, [1440, 357])


class Digits(L.LightningModule):
    def __init__(self, lr=3e-3):
        super().__init__()
        self.save_hyperparameters()
        self.hidden, self.out = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        scores = self.out(F.relu(self.hidden(x)))
        return F.softmax(scores, dim=1)

    def training_step(self, batch, batch_idx):
        x, t = batch
        loss = F.cross_entropy(self(x), t)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, t = batch
        out = self(x)
        self.log_dict({"val_loss": F.cross_entropy(out, t), "val_acc": (out.argmax(1) == t).float().mean()})

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


trainer = L.Trainer(max_epochs=6, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
trainer.fit(Digits(), DataLoader(train, 48, shuffle=True), DataLoader(val, 119))
print({k: round(v.item(), 4) for k, v in sorted(trainer.callback_metrics.items())})
