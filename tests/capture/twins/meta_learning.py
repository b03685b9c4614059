"""MAML: an inner step by `torch.autograd.grad(create_graph=True)`, the outer one through it."""
import torch
import torch.nn.functional as F

torch.manual_seed(28)
w1, b1 = (torch.randn(1, 12) * 0.5).requires_grad_(), torch.zeros(12, requires_grad=True)
w2 = (torch.randn(12, 1) * 0.5).requires_grad_()
params = [w1, b1, w2]
outer = torch.optim.Adam(params, lr=0.01)


def forward(x, p):
    return torch.sin(x @ p[0] + p[1]) @ p[2]


for episode in range(10):
    outer.zero_grad()
    total = 0.0
    for task in range(3):
        phase = torch.rand(1) * 3
        x = torch.rand(10, 1) * 6 - 3
        y = torch.sin(x + phase)
        grads = torch.autograd.grad(F.mse_loss(forward(x[:5], params), y[:5]), params, create_graph=True)
        fast = [p - 0.1 * g for p, g in zip(params, grads)]
        loss = F.mse_loss(forward(x[5:], fast), y[5:])
        loss.backward()
        total += loss.item()
    outer.step()
    print(episode, total)
