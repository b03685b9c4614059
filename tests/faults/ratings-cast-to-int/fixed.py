import torch
from torch import nn

torch.manual_seed(36)
USERS, ITEMS, K = 60, 80, 5
u, v = torch.randn(USERS, 3), torch.randn(ITEMS, 3)
truth = torch.sigmoid(u @ v.T)
who, what = torch.randint(USERS, (4000,)), torch.randint(ITEMS, (4000,))
rating = (truth[who, what] + 0.02 * torch.randn(4000)).clamp(0, 0.999)
rating = rating.float()


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(USERS, K), nn.Embedding(ITEMS, K)
        nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.item.weight, std=0.3)
        self.bias = nn.Parameter(torch.tensor(0.5))

    def forward(self, a, b):
        return (self.user(a) * self.item(b)).sum(1) + self.bias


m = Factors()
opt = torch.optim.Adam(m.parameters(), lr=0.02)
for epoch in range(10):
    for i in torch.randperm(3500).split(100):
        opt.zero_grad()
        loss = ((m(who[i], what[i]) - rating[i]) ** 2).mean()
        loss.backward()
        opt.step()
    with torch.no_grad():
        rmse = (m(who[3500:], what[3500:]) - truth[who[3500:], what[3500:]]).pow(2).mean().sqrt().item()
    print(f"epoch {epoch} loss {loss.item():.4f} rmse to the true ratings {rmse:.3f}")
