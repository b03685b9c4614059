import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(1)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
teacher = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Dropout(0.2), nn.Linear(96, 10))
student = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
TEMPERATURE, ALPHA = 3.0, 0.7


def fit(model, loss_of, epochs, lr):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        model.train()
        for i in torch.randperm(1440).split(60):
            opt.zero_grad()
            loss = loss_of(X[i], y[i])
            loss.backward()
            opt.step()
    model.eval()
    with torch.no_grad():
        return loss.item(), (model(X[1440:]).argmax(1) == y[1440:]).float().mean().item()


def distil(x, t):
    with torch.no_grad():
        soft = F.softmax(teacher(x) / TEMPERATURE, dim=1)
    scores = student(x)
    kl = F.kl_div(F.log_softmax(scores / TEMPERATURE, dim=1), soft, reduction="batchmean") * TEMPERATURE ** 2
    return ALPHA * kl + (1 - ALPHA) * F.cross_entropy(scores, t)


print("teacher loss %.4f acc %.3f" % fit(teacher, lambda x, t: F.cross_entropy(teacher(x), t), 6, 3e-3))
print("student loss %.4f acc %.3f" % fit(student, distil, 12, 5e-3))
