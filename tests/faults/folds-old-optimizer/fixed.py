import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn


def make_model():
    return nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 2))


data = load_breast_cancer()
torch.manual_seed(13)
model = make_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()
scores = []

for fold, (fit, hold) in enumerate(StratifiedKFold(4, shuffle=True, random_state=0).split(data.data, data.target)):
    scaler = StandardScaler().fit(data.data[fit])
    X, y = torch.tensor(scaler.transform(data.data[fit])).float(), torch.tensor(data.target[fit])
    Xh, yh = torch.tensor(scaler.transform(data.data[hold])).float(), torch.tensor(data.target[hold])
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(6):
        order = torch.randperm(len(X))
        for start in range(0, len(X), 43):
            idx = order[start:start + 43]
            model.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        scores.append((model(Xh).argmax(1) == yh).float().mean().item())
    print(f"fold {fold} loss {loss.item():.4f} accuracy {scores[-1]:.3f} mean {sum(scores) / len(scores):.3f}")
