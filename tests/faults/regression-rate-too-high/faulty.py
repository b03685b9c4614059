import torch

torch.manual_seed(85)
A = torch.randn(300, 12)
true = torch.randn(12)
b = A @ true + 0.1 * torch.randn(300)
w = torch.zeros(12, requires_grad=True)
lr = 1.1

for i in range(120):
    loss = ((A @ w - b) ** 2).mean()
    (g,) = torch.autograd.grad(loss, w)
    with torch.no_grad():
        w -= lr * g
    if i % 20 == 19:
        print(f"{i + 1:4d} {loss.item():12.5g} |w - true| {(w.detach() - true).norm().item():.5g}")
