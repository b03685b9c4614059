"""Deterministic algorithms demanded, uninitialised memory filled."""
import torch
from torch import nn

torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = True
torch.set_default_dtype(torch.float64)
torch.manual_seed(13)
model = nn.Sequential(nn.Embedding(20, 6), nn.Flatten(), nn.Linear(24, 5))
optimizer = torch.optim.Adagrad(model.parameters(), 0.05)
for step in range(10):
    tokens = torch.randint(0, 20, (16, 4))
    scores = model(tokens)
    loss = nn.functional.multi_margin_loss(scores, tokens[:, 0] % 5)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
print(torch.empty(2).tolist(), torch.are_deterministic_algorithms_enabled(), torch.get_default_dtype())
