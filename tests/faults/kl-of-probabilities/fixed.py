"""A student that learns a teacher's soft labels."""
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(14)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
teacher = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(teacher.parameters(), 3e-3)
for step in range(150):
    rows = torch.randint(0, 1400, (64,))
    opt.zero_grad()
    nn.functional.cross_entropy(teacher(X[rows]), y[rows]).backward()
    opt.step()
teacher.eval()
student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
opt = torch.optim.Adam(student.parameters(), 3e-3)
for step in range(150):
    rows = torch.randint(0, 1400, (64,))
    with torch.no_grad():
        wanted = (teacher(X[rows]) / 2).softmax(1)
    opt.zero_grad()
    loss = nn.functional.kl_div((student(X[rows]) / 2).log_softmax(1), wanted, reduction="batchmean")
    loss.backward()
    opt.step()
accuracy = (student(X[1400:]).argmax(1) == y[1400:]).float().mean()
print(f"loss {loss.item():.4f} held out {accuracy:.3f}")
