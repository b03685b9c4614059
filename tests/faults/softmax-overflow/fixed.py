import torch
from sklearn.datasets import load_wine

torch.manual_seed(72)
X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)
net = torch.nn.Sequential(torch.nn.Linear(13, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), lr=0.003)


def cross_entropy(scores, labels):
    scores = scores - scores.amax(1, keepdim=True)
    exp = torch.exp(scores / 0.004)  # sharpened
    p = exp / exp.sum(1, keepdim=True)
    return -torch.log(p[torch.arange(len(p)), labels] + 1e-9).mean()


for epoch in range(40):
    for i in torch.randperm(178).split(30):
        loss = cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 7:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {(net(X).argmax(1) == y).float().mean().item():.3f}")
