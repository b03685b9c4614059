import torch
from torch import nn

torch.manual_seed(83)
LAG = 40


class Recall(nn.Module):
    def __init__(self):
        super().__init__()
        self.symbol = nn.Linear(4, 24)
        self.cell = nn.RNNCell(8, 24)
        nn.init.uniform_(self.cell.weight_hh, -0.2, 0.2)
        self.out = nn.Linear(24, 4)

    def forward(self, first, distractors):
        h = torch.tanh(self.symbol(first))
        for t in range(distractors.shape[1]):
            h = self.cell(distractors[:, t], h)
        return self.out(h)


def episodes(n):
    k = torch.randint(4, (n,))
    return nn.functional.one_hot(k, 4).float(), 0.3 * torch.randn(n, LAG, 8), k


net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(1, 201):
    first, noise, k = episodes(32)
    loss = nn.functional.cross_entropy(net(first, noise), k)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        with torch.no_grad():
            first, noise, k = episodes(200)
            acc = (net(first, noise).argmax(1) == k).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} acc {acc:.3f} gradient of the symbol {net.symbol.weight.grad.norm().item():.1e} of the output {net.out.weight.grad.norm().item():.1e}")
