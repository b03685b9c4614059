import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris

torch.manual_seed(34)
bunch = load_iris()
species = torch.tensor(bunch.target) + 1  # 1 setosa, 2 versicolor, 3 virginica
X = torch.tensor(bunch.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
shuffled = torch.randperm(150)
X, target = X[shuffled], species[shuffled] - 1

net = torch.nn.Sequential(torch.nn.Linear(4, 10), torch.nn.ELU(), torch.nn.Linear(10, 3))
sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.8)
for epoch in range(1, 21):
    for start in range(0, 120, 4):
        sgd.zero_grad()
        loss = F.cross_entropy(net(X[start:start + 4]), target[start:start + 4])
        loss.backward()
        sgd.step()
    if epoch % 5 == 0:
        print(f"epoch {epoch} loss {loss.item():.3f} acc {(net(X[120:]).argmax(1) == target[120:]).float().mean().item():.3f}")
