import torch
from torch import nn

torch.manual_seed(88)


def sequences(n):
    x = torch.randn(n, 15, 3).cumsum(1) / 3
    return x, (x[:, -1, 0] - x[:, 0, 1]).unsqueeze(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.head = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, x):
        return self.head(self.gru(x)[1][0])


X, Y = sequences(800)
Xv, Yv = sequences(200)
net, criterion = Net(), nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=1e-5, momentum=0.9)
for epoch in range(16):
    for i in torch.randperm(800).split(50):
        optimizer.zero_grad()
        loss = criterion(net(X[i]), Y[i])
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            print(f"epoch {epoch} train {loss.item():.4f} val {criterion(net(Xv), Yv).item():.4f}")
