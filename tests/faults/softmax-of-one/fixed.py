import torch
import torch.nn as nn
from sklearn.datasets import make_circles
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(28)
X, y = make_circles(800, noise=0.08, factor=0.5, random_state=28)
ds = TensorDataset(torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1))
train, val = torch.utils.data.random_split(ds, [600, 200])


class Binary(nn.Module):
    def __init__(self):
        super(Binary, self).__init__()
        self.hidden1 = nn.Linear(2, 24)
        self.hidden2 = nn.Linear(24, 24)
        self.output = nn.Linear(24, 1)
        self.act = nn.Tanh()
        self.prob = nn.Sigmoid()

    def forward(self, x):
        x = self.act(self.hidden1(x))
        x = self.act(self.hidden2(x))
        return self.prob(self.output(x))


model = Binary()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(12):
    for inputs, labels in DataLoader(train, batch_size=40, shuffle=True):
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        correct = sum(((model(i) > 0.5) == (l > 0.5)).sum().item() for i, l in DataLoader(val, 200))
    print(f"Epoch [{epoch + 1}/12], Loss: {loss.item():.4f}, Accuracy: {correct / 200:.3f}")
