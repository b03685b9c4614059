"""The chain rule on one number: y = x^3 + 5 x at x = 2, whose slope there is 3 * 4 + 5 = 17."""

import torch

x = torch.tensor(2.0, requires_grad=True)
y = x**3 + 5 * x
y.backward()
print("y =", y.item(), "and its slope is", x.grad.item())
