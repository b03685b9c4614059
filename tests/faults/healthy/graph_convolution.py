import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(20)
N, K = 240, 3
label = torch.arange(K).repeat_interleave(N // K)
same = (label[:, None] == label[None]).float()
A = torch.bernoulli(same * 0.10 + (1 - same) * 0.01).triu(1)
A = A + A.T + torch.eye(N)
norm = A.sum(1).rsqrt()
A = norm[:, None] * A * norm
X = F.one_hot(label, K).float() * 0.7 + torch.randn(N, K)
train = torch.randperm(N)[:45]
test = torch.tensor([i for i in range(N) if i not in set(train.tolist())])


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1, self.w2 = nn.Linear(K, 16), nn.Linear(16, K)

    def forward(self, x, adjacency):
        h = F.relu(adjacency @ self.w1(x))
        return adjacency @ self.w2(F.dropout(h, 0.3, self.training))


net = GCN()
opt = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(150):
    net.train()
    loss = F.cross_entropy(net(X, A)[train], label[train])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 30 == 29:
        net.eval()
        with torch.no_grad():
            out = net(X, A)
        print(f"epoch {epoch + 1} loss {loss.item():.3f} test {F.cross_entropy(out[test], label[test]).item():.3f} acc {(out[test].argmax(1) == label[test]).float().mean().item():.3f}")
