import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)


def train_one_epoch(model, loader, loss_fn, optimizer):
    model.train()
    total, seen = 0.0, 0
    for features, target in loader:
        optimizer.zero_grad()
        prediction = model(features)
        loss = loss_fn(prediction, target)
        optimizer.step()
        total, seen = total + loss.item() * len(target), seen + len(target)
    return total / seen


@torch.inference_mode()
def evaluate(model, loader, loss_fn):
    model.eval()
    return sum(loss_fn(model(f), t).item() * len(t) for f, t in loader) / len(loader.dataset)


def main():
    X, y = make_friedman1(n_samples=900, noise=0.3, random_state=6)
    X, y = torch.tensor(X).float(), torch.tensor(y).float().view(-1, 1)
    y = (y - y.mean()) / y.std()
    train = DataLoader(TensorDataset(X[:700], y[:700]), batch_size=35, shuffle=True)
    valid = DataLoader(TensorDataset(X[700:], y[700:]), batch_size=200)
    model = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    optimizer = torch.optim.NAdam(model.parameters(), lr=2e-3)
    loss_fn = nn.HuberLoss()
    for epoch in range(12):
        a, b = train_one_epoch(model, train, loss_fn, optimizer), evaluate(model, valid, loss_fn)
        print(f"epoch {epoch:2d} | train {a:.4f} | valid {b:.4f}")


main()
