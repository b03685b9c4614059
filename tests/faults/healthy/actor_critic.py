import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(3)
N = 6


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(N, 24)
        self.policy, self.value = nn.Linear(24, 2), nn.Linear(24, 1)

    def forward(self, s):
        h = torch.tanh(self.trunk(F.one_hot(s, N).float()))
        return self.policy(h), self.value(h).squeeze(-1)


net = ActorCritic()
opt = torch.optim.RMSprop(net.parameters(), lr=4e-3)
length = 20.0
for episode in range(1, 301):
    s, logps, values, rewards = torch.tensor(0), [], [], []
    for _ in range(25):
        logits, value = net(s)
        dist = torch.distributions.Categorical(logits=logits)
        a = dist.sample()
        s = (s + 2 * a - 1).clamp(0, N - 1)
        logps.append(dist.log_prob(a))
        values.append(value)
        rewards.append(1.0 if s == N - 1 else -0.05)
        if s == N - 1:
            break
    g, returns = 0.0, []
    for r in reversed(rewards):
        g = r + 0.95 * g
        returns.insert(0, g)
    returns, values = torch.tensor(returns), torch.stack(values)
    loss = -(torch.stack(logps) * (returns - values.detach())).mean() + 0.5 * F.smooth_l1_loss(values, returns)
    opt.zero_grad()
    loss.backward()
    opt.step()
    length = 0.95 * length + 0.05 * len(rewards)
    if episode % 60 == 0:
        print(f"episode {episode} loss {loss.item():.3f} length {length:.2f}")
