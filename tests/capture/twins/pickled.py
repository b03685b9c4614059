"""Models, optimizers, schedulers and functions are pickled, and train on as what comes back."""
import functools
import pickle

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(21)
model = nn.Sequential(nn.Linear(4, 6), nn.ELU(), nn.Linear(6, 2))
optimizer = torch.optim.Adam(model.parameters(), 0.02)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
criterion = functools.partial(F.cross_entropy, label_smoothing=0.1)
clip = functools.partial(nn.utils.clip_grad_norm_, max_norm=1.0)
for step in range(10):
    x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    norm = clip(model.parameters())
    optimizer.step()
    scheduler.step()
    everything = pickle.dumps((model, optimizer, scheduler, criterion, clip))
    model, optimizer, scheduler, criterion, clip = pickle.loads(everything)
    print(step, loss.item(), norm.item(), b"surefoot" in everything)
print(clip.func is nn.utils.clip_grad_norm_ is nn.utils.clip_grad.clip_grad_norm_, criterion.func is F.cross_entropy)
