import torch
from torch import nn

torch.manual_seed(38)


def rollout(n, horizon=15, gamma=0.9):
    """A cart pushed to the origin by a fixed controller; reward is minus the squared distance."""
    state = torch.randn(n, 2)
    states, rewards = [], []
    for _ in range(horizon):
        states.append(state)
        force = -1.0 * state[:, 0] - 1.2 * state[:, 1] + 0.1 * torch.randn(n)
        v = state[:, 1] + 0.3 * force
        state = torch.stack([state[:, 0] + 0.3 * v, v], 1)
        rewards.append(-(state[:, 0] ** 2))
    back, returns = torch.zeros(n), []
    for r in reversed(rewards):
        back = r + gamma * back
        returns.insert(0, back)
    return torch.cat(states), torch.cat(returns)


value = nn.Sequential(
    nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1),
    nn.ReLU(),
)
optimizer = torch.optim.Adam(value.parameters(), lr=5e-3)
test_s, test_g = rollout(100)
for it in range(1, 151):
    s, g = rollout(16)
    loss = nn.functional.mse_loss(value(s).squeeze(-1), g)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 30 == 0:
        with torch.no_grad():
            explained = 1 - (value(test_s).squeeze(-1) - test_g).var() / test_g.var()
        print(f"iteration {it} value loss {loss.item():.4f} explained variance {explained.item():.3f}")
