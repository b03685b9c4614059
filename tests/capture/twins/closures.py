"""L-BFGS and other optimizers stepped with a closure, one of them without gradients wanted in it."""
import torch
from torch import nn

torch.manual_seed(34)
x = torch.linspace(-2, 2, 50).unsqueeze(1)
y = x**3 - x
for make in (
    lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=4, line_search_fn="strong_wolfe"),
    lambda p: torch.optim.SGD(p, 0.01, momentum=0.9),
    lambda p: torch.optim.Rprop(p, 0.01),
):
    model = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1))
    optimizer = make(model.parameters())
    evaluations = 0

    def closure():
        global evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    for step in range(5):
        loss = optimizer.step(closure)
    print(type(optimizer).__name__, loss.item(), evaluations)
