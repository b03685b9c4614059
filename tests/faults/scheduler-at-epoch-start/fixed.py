import torch
import torch.nn.functional as F
from sklearn.datasets import make_moons
from torch.optim import SGD, lr_scheduler

torch.manual_seed(51)
X, y = make_moons(1000, noise=0.15, random_state=51)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)


class Moons(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(2, 48), torch.nn.Linear(48, 2)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def train(model, optimizer, scheduler, epochs):
    for epoch in range(epochs):
        for i in torch.randperm(800).split(40):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X[i]), y[i])
            loss.backward()
            optimizer.step()
        scheduler.step()
        with torch.no_grad():
            acc = (model(X[800:]).argmax(1) == y[800:]).float().mean().item()
        print(f"Epoch {epoch}: loss {loss.item():.4f}, accuracy {acc:.3f}, next rate {optimizer.param_groups[0]['lr']:.4f}")


model = Moons()
optimizer = SGD(model.parameters(), lr=0.5, momentum=0.9)
train(model, optimizer, lr_scheduler.MultiStepLR(optimizer, [6, 9], gamma=0.3), 10)
