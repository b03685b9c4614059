import torch
from sklearn.datasets import make_classification

torch.manual_seed(66)
X, y = make_classification(1200, 15, n_informative=8, class_sep=1.0, random_state=66)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
s = torch.tensor(y).float() * 2 - 1

hidden = torch.nn.Linear(15, 40)
head = torch.nn.Linear(40, 1)
params = [*hidden.parameters(), *head.parameters()]
opt = torch.optim.SGD(params, lr=0.1, momentum=0.9)


def margin(x):
    return head(torch.relu(hidden(x))).squeeze(1)


for epoch in range(10):
    for rows in torch.randperm(1000).split(50):
        loss = torch.log1p(torch.exp(-(s[rows] * margin(X[rows])).clamp(-30, 30))).sum()
        for p in params:
            p.grad = None
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (torch.sign(margin(X[1000:])) == s[1000:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f}")
