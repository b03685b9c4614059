"""A graph network's masks: no no_grad, the training loss, the validation loss and at the end the test loss."""

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
features, labels = torch.randn(60, 8), torch.randint(0, 3, (60,))
adjacency = torch.eye(60) + (torch.rand(60, 60) < 0.05).float()
idx_train, idx_val, idx_test = torch.arange(0, 30), torch.arange(30, 45), torch.arange(45, 60)


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = F.dropout(F.relu(adjacency @ self.first(x)), 0.5, self.training)
        return F.log_softmax(adjacency @ self.second(x), dim=1)


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)


def train():
    model.train()
    optimizer.zero_grad()
    output = model(features)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    model.eval()
    output = model(features)
    loss_val = F.nll_loss(output[idx_val], labels[idx_val])
    print("val", loss_val.item())


def test():
    model.eval()
    output = model(features)
    loss_test = F.nll_loss(output[idx_test], labels[idx_test])
    print("test", loss_test.item())


for _ in range(12):
    train()
test()
