import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(26)
digits = load_digits()
X = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(digits.target)
cnn = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
    nn.LogSoftmax(dim=1),
)
opt = torch.optim.SGD(cnn.parameters(), lr=0.05, momentum=0.9, nesterov=True)
nll = nn.NLLLoss()
for epoch in range(1, 7):
    for b in torch.randperm(1440).split(48):
        opt.zero_grad()
        loss = nll(cnn(X[b]), y[b])
        loss.backward()
        nn.utils.clip_grad_norm_(cnn.parameters(), 5.0)
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.3f} acc {(cnn(X[1440:]).argmax(1) == y[1440:]).float().mean().item():.3f}")
