"""A mean teacher and an ensemble, all made by `deepcopy`, trained side by side."""
import copy

import torch
from torch import nn

torch.manual_seed(22)
student = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
teacher = copy.deepcopy(student).requires_grad_(False).eval()
optimizer = torch.optim.SGD(student.parameters(), 0.1)
members = []
for step in range(12):
    x = torch.randn(16, 4)
    with torch.no_grad():
        target = teacher(x)
    loss = nn.functional.kl_div(student(x).log_softmax(1), target.softmax(1), reduction="batchmean")
    loss = loss + nn.functional.cross_entropy(student(x), x[:, :3].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters()):
            slow.lerp_(fast, 0.1)
    if step % 4 == 3:
        members.append(copy.deepcopy((student, optimizer)))
for model, own in members:
    own.zero_grad()
    nn.functional.mse_loss(model(torch.ones(2, 4)), torch.zeros(2, 3)).backward()
    own.step()
    print([round(p.sum().item(), 6) for p in model.parameters()], own.param_groups[0]["params"][0] is model[0].weight)
