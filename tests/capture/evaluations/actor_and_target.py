"""A target network's values and acting, both without gradients: no validation loss at all."""

import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
q = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
target = copy.deepcopy(q)
optimizer = torch.optim.Adam(q.parameters(), 1e-3)
states = torch.randn(200, 3)
for step in range(60):
    rows = torch.randint(0, 200, (16,))
    with torch.no_grad():
        action = q(states[rows]).argmax(1)
        goal = 1 + 0.9 * target(states[rows]).max(1).values
    chosen = q(states[rows]).gather(1, action[:, None]).squeeze(1)
    loss = F.smooth_l1_loss(chosen, goal)
    with torch.no_grad():
        error = F.mse_loss(chosen, goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        target.load_state_dict(q.state_dict())
        print("error", error.item())
