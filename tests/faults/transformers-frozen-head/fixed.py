import tempfile

import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, get_constant_schedule

torch.manual_seed(121)


class FirstToken(Dataset):
    """Which of four groups does the first token belong to?"""

    def __init__(self, n):
        self.x = torch.randint(2, 42, (n, 9))
        self.y = (self.x[:, 0] - 2) // 10

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"input_ids": self.x[i], "labels": self.y[i]}


config = BertConfig(vocab_size=42, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, max_position_embeddings=12, num_labels=4)
model = BertForSequenceClassification(config)
model.classifier = torch.nn.Linear(32, 4)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(folder, per_device_train_batch_size=24, num_train_epochs=4, report_to=[], save_strategy="no", logging_steps=50,
                                  disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False)
    trainer = Trainer(model, arguments, train_dataset=FirstToken(1200), eval_dataset=FirstToken(200), optimizers=(optimizer, get_constant_schedule(optimizer)))
    before = model.classifier.weight.detach().clone()
    trainer.train()
    result = trainer.evaluate()
print(f"eval loss {result['eval_loss']:.4f} classifier moved by {(model.classifier.weight - before).norm().item():.4f}")
