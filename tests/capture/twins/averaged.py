"""Stochastic weight averaging, a moving average, and batch norm's statistics anew."""
import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(36)
data = TensorDataset(torch.randn(48, 5), torch.randint(0, 3, (48,)))
loader = DataLoader(data, 12, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(5, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 3))
swa, ema = AveragedModel(model), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
schedule = SWALR(optimizer, swa_lr=0.05)
for epoch in range(4):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        ema.update_parameters(model)
    if epoch >= 2:
        swa.update_parameters(model)
        schedule.step()
    print(epoch, loss.item(), optimizer.param_groups[0]["lr"])
update_bn(loader, swa)
with torch.no_grad():
    print(nn.functional.cross_entropy(swa.eval()(data.tensors[0]), data.tensors[1]).item())
