"""Descent with no optimizer: through `.data`, in place, with new leaves, with `torch.autograd.grad`."""
import torch

torch.manual_seed(47)
x, y = torch.randn(40, 3), torch.randn(40, 1)
w, b = torch.zeros(3, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
for step in range(16):
    loss = ((x @ w + b - y) ** 2).mean()
    if step < 4:
        loss.backward()
        w.data -= 0.1 * w.grad
        b.data -= 0.1 * b.grad
        w.grad.zero_()
        b.grad.zero_()
    elif step < 8:
        w.grad = b.grad = None
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            b -= 0.1 * b.grad
    elif step < 12:
        gw, gb = torch.autograd.grad(loss, (w, b))
        w, b = (w - 0.1 * gw).detach().requires_grad_(), (b - 0.1 * gb).detach().requires_grad_()
    else:
        torch.autograd.backward([loss])
        w, b = (p.detach().sub(p.grad, alpha=0.1).requires_grad_() for p in (w, b))
    print(step, loss.item(), w.grad is None)
