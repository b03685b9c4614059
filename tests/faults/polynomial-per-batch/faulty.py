import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import PolynomialLR

torch.manual_seed(52)
EPOCHS = 20
X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16, dtype=torch.float32).view(-1, 8, 8)  # rows as time steps
y = torch.tensor(y)


class RowRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 32, batch_first=True)
        self.linear = nn.Linear(32, 10)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.linear(h.squeeze(0))


model = RowRNN()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
sched = PolynomialLR(opt, total_iters=EPOCHS, power=0.9)
for epoch in range(EPOCHS):
    for i in torch.randperm(1440).split(72):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(X[i]), y[i])
        loss.backward()
        opt.step()
        sched.step()
    if epoch % 3 == 1:
        with torch.no_grad():
            acc = (model(X[1440:]).argmax(1) == y[1440:]).float().mean().item()
        print(f"epoch {epoch} rate {sched.get_last_lr()[0]:.5f} loss {loss.item():.3f} acc {acc:.3f}")
