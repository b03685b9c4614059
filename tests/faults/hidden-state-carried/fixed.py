import torch
from torch import nn

torch.manual_seed(57)
t = torch.arange(0, 3200) * 0.11
series = torch.sin(t) + 0.5 * torch.sin(2.3 * t) + 0.05 * torch.randn(len(t))
streams = series.view(16, 200).unsqueeze(-1)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x, h=None):
        out, h = self.rnn(x, h)
        return self.head(out), h


net = Forecaster()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(12):
    hidden, losses = None, []
    for k in range(0, 180, 20):
        window = streams[:, k:k + 21]
        if hidden is not None:
            hidden = hidden.detach()
        prediction, hidden = net(window[:, :-1], hidden)
        loss = ((prediction - window[:, 1:]) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(f"epoch {epoch} {sum(losses) / len(losses):.5f}")
