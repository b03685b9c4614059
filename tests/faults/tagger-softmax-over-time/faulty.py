import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(22)
WORDS, TAGS, LEN = 30, 4, 9
lexicon = torch.randint(TAGS, (WORDS,))


def corpus(n):
    words = torch.randint(WORDS, (n, LEN))
    tags = lexicon[words]
    tags[:, 1:] = torch.where(words[:, :-1] < 5, (tags[:, 1:] + 1) % TAGS, tags[:, 1:])
    return words, tags


class BiGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16)
        self.rnn = nn.GRU(16, 16, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(32, TAGS)

    def forward(self, words):
        states, _ = self.rnn(self.embed(words))
        return F.log_softmax(self.fc(states), dim=1)


tagger = BiGRU()
opt = torch.optim.Adam(tagger.parameters(), lr=5e-3)
words, tags = corpus(640)
vw, vt = corpus(200)
for epoch in range(10):
    for i in range(0, 640, 32):
        logp = tagger(words[i:i + 32])
        loss = F.nll_loss(logp.view(-1, TAGS), tags[i:i + 32].reshape(-1))
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (tagger(vw).argmax(-1) == vt).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {acc:.3f}")
