import torch
from torch import nn

torch.manual_seed(20)
V, T = 7, 12
table = torch.softmax(3.0 * torch.randn(V, V), -1)


def markov(n):
    seq = [torch.randint(V, (n,))]
    for _ in range(T):
        seq.append(torch.multinomial(table[seq[-1]], 1).squeeze(1))
    return torch.stack(seq, 1)


class LM(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.emb, self.pos = nn.Embedding(V, d), nn.Embedding(T, d)
        self.block = nn.TransformerEncoderLayer(d, 3, 48, 0.0, batch_first=True)
        self.out = nn.Linear(d, V)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(T))

    def forward(self, x):
        h = self.emb(x) + self.pos.weight[None, :x.size(1)]
        scores = self.out(self.block(h, src_mask=self.mask))
        return scores.reshape(-1, V)


net = LM()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
ce = nn.CrossEntropyLoss()
val = markov(300)
for step in range(301):
    seq = markov(32)
    opt.zero_grad()
    loss = ce(net(seq[:, :-1]), seq[:, 1:].flatten())
    loss.backward()
    opt.step()
    if step % 75 == 0:
        with torch.no_grad():
            out = net(val[:, :-1])
            print(f"step {step} loss {loss.item():.3f} val {ce(out, val[:, 1:].flatten()).item():.3f} acc {(out.argmax(1) == val[:, 1:].flatten()).float().mean().item():.3f}")
