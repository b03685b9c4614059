"""A language model: the evaluation weights by length, perplexities are printed too, the test comes last."""

import math
import torch
from torch import nn

torch.manual_seed(0)
corpus = {name: torch.randint(0, 10, (n,)) for name, n in (("train", 240), ("valid", 61), ("test", 60))}


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.out = (
            nn.Embedding(10, 8),
            nn.GRU(8, 12, batch_first=True),
            nn.Linear(12, 10),
        )

    def forward(self, x, hidden):
        output, hidden = self.rnn(self.embed(x), hidden)
        return self.out(output).view(-1, 10), hidden


model, criterion, bptt = RNN(), nn.CrossEntropyLoss(), 16
optimizer = torch.optim.Adam(model.parameters(), 0.01)


def get_batch(source, i):
    length = min(bptt, len(source) - 1 - i)
    return source[None, i : i + length], source[i + 1 : i + 1 + length]


def evaluate(data_source):
    model.eval()
    total_loss, hidden = 0.0, None
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, bptt):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            total_loss += data.size(1) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


for epoch in range(3):
    model.train()
    hidden = None
    for i in range(0, len(corpus["train"]) - 1, bptt):
        data, targets = get_batch(corpus["train"], i)
        hidden = hidden.detach() if hidden is not None else None
        optimizer.zero_grad()
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    val_loss = evaluate(corpus["valid"])
    print("val", val_loss)
    print("perplexity", math.exp(val_loss))
test_loss = evaluate(corpus["test"])
print("test", test_loss)
