"""Transformers' Trainer: gradient accumulation, evaluation each epoch, a model that returns its loss."""

import logging
import os
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import torch
from torch import nn
import torch.nn.functional as F
from transformers import Trainer, TrainerCallback, TrainingArguments

logging.disable(logging.WARNING)
torch.manual_seed(0)
x, y = torch.randn(72, 5), torch.randint(0, 3, (72,))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, inputs, labels=None):
        logits = self.net(inputs)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Told(TrainerCallback):
    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        print("val", metrics["eval_loss"])


def rows(a, b):
    return [{"inputs": x[i], "labels": y[i]} for i in range(a, b)]


with tempfile.TemporaryDirectory() as folder:
    settings = TrainingArguments(
        folder,
        num_train_epochs=3,
        per_device_train_batch_size=6,
        per_device_eval_batch_size=8,
        max_grad_norm=0.0,
        gradient_accumulation_steps=2,
        eval_strategy="epoch",
        save_strategy="no",
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        learning_rate=0.01,
    )
    trainer = Trainer(
        Net(), settings, train_dataset=rows(0, 48), eval_dataset=rows(48, 72), callbacks=[Told()]
    )
    trainer.train()
