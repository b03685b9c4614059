import tempfile

import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(123)




class Majority(Dataset):
    """Are there more low tokens than high ones?"""

    def __init__(self, n):
        self.x = torch.randint(3, 23, (n, 11))
        self.y = ((self.x < 13).sum(1) > 5).long()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"input_ids": self.x[i], "labels": self.y[i]}


config = BertConfig(vocab_size=24, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, max_position_embeddings=16, num_labels=2)
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder, per_device_train_batch_size=16, gradient_accumulation_steps=4, learning_rate=2e-3, num_train_epochs=4, lr_scheduler_type="linear",
        warmup_steps=10, report_to=[], save_strategy="no", logging_steps=10, disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False)
    trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=Majority(1200), eval_dataset=Majority(200),
                      compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())})
    trainer.train()
    result = trainer.evaluate()
print(f"eval loss {result['eval_loss']:.4f} accuracy {result['eval_accuracy']:.3f}")
