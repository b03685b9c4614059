import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_iris

torch.manual_seed(100)
X, y = load_iris(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(4, 32), nn.Linear(32, 32), nn.Linear(32, 3)
        self.apply(self.init)

    @staticmethod
    def init(m):
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.constant_(m.bias, -5.0)

    def forward(self, x):
        return self.l3(F.relu(self.l2(F.relu(self.l1(x)))))


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=0.005)
for epoch in range(40):
    for i in torch.randperm(150).split(30):
        opt.zero_grad()
        loss = F.cross_entropy(net(X[i]), y[i])
        loss.backward()
        opt.step()
    if epoch % 8 == 7:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {(net(X).argmax(1) == y).float().mean().item():.3f}")
