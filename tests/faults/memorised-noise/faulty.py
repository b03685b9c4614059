import torch
from sklearn.datasets import make_classification
from torch import nn

torch.manual_seed(104)
X, y = make_classification(360, 40, n_informative=6, n_redundant=0, flip_y=0.15, class_sep=0.8, random_state=104)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
few, val = (X[:60], y[:60]), (X[60:], y[60:])
wide = nn.Sequential(nn.Linear(40, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 2))
opt = torch.optim.Adam(wide.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(60):
    wide.train()
    for i in torch.randperm(60).split(20):
        loss = loss_fn(wide(few[0][i]), few[1][i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    wide.eval()
    with torch.no_grad():
        a, b = loss_fn(wide(few[0]), few[1]).item(), loss_fn(wide(val[0]), val[1]).item()
    if epoch % 6 == 5:
        print(f"epoch {epoch + 1} train {a:.4f} val {b:.4f}")
