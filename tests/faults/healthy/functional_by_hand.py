import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.func import functional_call, grad_and_value

torch.manual_seed(28)
X, y = load_diabetes(return_X_y=True)
X, y = torch.tensor(X / X.std(0)).float(), torch.tensor((y - y.mean()) / y.std()).float()
net = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
params = {k: v.detach().clone() for k, v in net.named_parameters()}


def loss_fn(params, x, t):
    return (functional_call(net, params, (x,)).squeeze(-1) - t).abs().mean()


step = grad_and_value(loss_fn)
for epoch in range(25):
    for i in torch.randperm(350).split(35):
        grads, loss = step(params, X[i], y[i])
        params = {k: v - 0.05 * grads[k] for k, v in params.items()}
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} val {loss_fn(params, X[350:], y[350:]).item():.4f}")
