import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris

rng = np.random.default_rng(12)
torch.manual_seed(12)
iris = load_iris()
x = (iris.data - iris.data.mean(0)) / iris.data.std(0)
perm = rng.permutation(150)
x, y = torch.tensor(x[perm]).float(), torch.tensor(iris.target[perm])
xt, yt, xv, yv = x[:110], y[:110], x[110:], y[110:]

W1 = torch.randn(4, 16) * 0.5
W1.requires_grad_()
b1 = torch.zeros(16, requires_grad=True)
W2 = torch.randn(16, 3) * 0.25
W2.requires_grad_()
b2 = torch.zeros(3, requires_grad=True)

for it in range(300):
    logits = torch.tanh(xt @ W1 + b1) @ W2 + b2
    loss = F.cross_entropy(logits, yt)
    loss.backward()
    with torch.no_grad():
        for t in (W1, b1, W2, b2):
            t.sub_(t.grad, alpha=0.3)
            t.grad.zero_()
    if (it + 1) % 50 == 0:
        with torch.no_grad():
            out = torch.tanh(xv @ W1 + b1) @ W2 + b2
            print("%4d loss %.4f val loss %.4f val acc %.3f" % (
                it + 1, loss, F.cross_entropy(out, yv), (out.argmax(1) == yv).float().mean()))
