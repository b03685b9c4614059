"""What is kept for backward is packed and unpacked by the script, and counted."""
import torch
from torch import nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks

packed = unpacked = 0


def pack(tensor):
    global packed
    packed += 1
    return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor


def unpack(tensor):
    global unpacked
    unpacked += 1
    return tensor.float() if tensor.is_floating_point() else tensor


torch.manual_seed(16)
model = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 3))
optimizer = torch.optim.SGD(model.parameters(), 0.05)
for step in range(12):
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    with saved_tensors_hooks(pack, unpack) if step % 2 else save_on_cpu():
        loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item(), packed, unpacked)
