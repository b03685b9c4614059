"""A frozen teacher, fitted in closed form, gives the targets of a smaller student."""
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(16)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
teacher = nn.Sequential(nn.Linear(64, 300), nn.ReLU(), nn.Dropout(0.6), nn.Linear(300, 10)).requires_grad_(False)
features = torch.cat([teacher[:2](X[:1400]), torch.ones(1400, 1)], dim=1)
weights = torch.linalg.lstsq(features, nn.functional.one_hot(y[:1400], 10) * 10.0 - 1).solution
teacher[3].weight.copy_(weights[:-1].T)
teacher[3].bias.copy_(weights[-1])
teacher.eval()
student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
opt = torch.optim.Adam(student.parameters(), 3e-3)
for step in range(250):
    rows = torch.randint(0, 1400, (48,))
    with torch.no_grad():
        wanted = teacher(X[rows])
    opt.zero_grad()
    loss = nn.functional.mse_loss(student(X[rows]), wanted)
    loss.backward()
    opt.step()
accuracy = (student(X[1400:]).argmax(1) == y[1400:]).float().mean()
print(f"loss {loss.item():.4f} held out {accuracy:.3f}")
