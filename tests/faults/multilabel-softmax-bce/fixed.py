import torch
from sklearn.datasets import make_multilabel_classification
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

torch.manual_seed(25)
X, Y = make_multilabel_classification(1000, 20, n_classes=5, n_labels=2, random_state=25)
X, Y = torch.tensor(X).float(), torch.tensor(Y).float()
X = (X - X.mean(0)) / X.std(0)
net = nn.Sequential(nn.Linear(20, 40), nn.LayerNorm(40), nn.SiLU(), nn.Linear(40, 5))
softmax = nn.Softmax(dim=-1)
optimizer = torch.optim.Adamax(net.parameters(), lr=5e-3)
epoch = 0
while epoch < 12:
    for chunk in torch.randperm(800).chunk(20):
        net.zero_grad()
        scores = net(X[chunk])
        loss = binary_cross_entropy_with_logits(scores, Y[chunk])
        loss.backward()
        optimizer.step()
    epoch += 1
    with torch.no_grad():
        scores = net(X[800:])
        exact = ((scores > 0).float() == Y[800:]).all(1).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.3f} val {binary_cross_entropy_with_logits(scores, Y[800:]).item():.3f} exact {exact:.3f}")
