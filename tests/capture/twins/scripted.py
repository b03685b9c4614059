"""TorchScript: a scripted loss, a scripted model, a trace, saved and loaded again."""
import io

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = x * 2
        return self.b(F.relu(self.a(x)))


@torch.jit.script
def criterion(out: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(out, y) + 0.1 * F.l1_loss(out, y)


torch.manual_seed(9)
net = torch.jit.script(Net())
optimizer = torch.optim.RMSprop(net.parameters(), lr=0.01)
for _ in range(10):
    x = torch.randn(12, 4)
    loss = criterion(net(x), x[:, :2])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
kept = io.BytesIO()
torch.jit.save(net, kept)
kept.seek(0)
print(torch.jit.load(kept).code)
traced = torch.jit.trace(nn.Sequential(nn.Linear(4, 2), nn.Softmax(1)), torch.ones(1, 4))
print(traced.graph)
