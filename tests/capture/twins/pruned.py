"""Magnitude pruning while training, then made permanent."""
import torch
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(38)
model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 4))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for step in range(15):
    if step % 5 == 4:
        for layer in (model[0], model[2]):
            prune.l1_unstructured(layer, "weight", amount=0.2)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
    x = torch.randn(16, 8)
    loss = nn.functional.mse_loss(model(x), x[:, :4])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
for layer in (model[0], model[2]):
    prune.remove(layer, "weight")
    print((layer.weight == 0).sum().item())
print(loss.item(), [name for name, _ in model.named_parameters()])
