"""Schedulers inside schedulers, restarts, a warm-up, and groups with rates of their own."""
import torch
from torch import nn
from torch.optim import lr_scheduler as schedule

torch.manual_seed(44)
model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
optimizer = torch.optim.SGD(
    [{"params": model[0].parameters(), "lr": 0.01}, {"params": model[2].parameters()}], lr=0.1, momentum=0.9
)
warm = schedule.LinearLR(optimizer, 0.1, total_iters=3)
cosine = schedule.CosineAnnealingWarmRestarts(optimizer, 4)
decay = schedule.LambdaLR(optimizer, lambda epoch: 0.95**epoch)
sequence = schedule.SequentialLR(optimizer, [warm, cosine], milestones=[3])
chain = schedule.ChainedScheduler([schedule.ExponentialLR(optimizer, 0.99), schedule.MultiStepLR(optimizer, [8])])
for epoch in range(12):
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.huber_loss(model(torch.randn(8, 4)), torch.ones(8, 1))
        loss.backward()
        optimizer.step()
    (sequence if epoch < 8 else chain).step()
    print(epoch, loss.item(), [round(group["lr"], 8) for group in optimizer.param_groups])
