"""REINFORCE on a bandit, with distributions that compute their likelihoods by loss functions."""
import random

import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal

torch.manual_seed(39)
random.seed(39)
policy = nn.Linear(4, 3)
gate = nn.Linear(4, 1)
optimizer = torch.optim.Adam([*policy.parameters(), *gate.parameters()], 0.05)
baseline = 0.0
for episode in range(12):
    states = torch.eye(4)[torch.randint(0, 4, (16,))]
    arms, doors = Categorical(logits=policy(states)), Bernoulli(logits=gate(states).squeeze(1))
    chosen, opened = arms.sample(), doors.sample()
    reward = (chosen == states.argmax(1) % 3).float() * opened + Normal(0, 0.1).sample((16,))
    advantage = reward - baseline
    baseline = 0.9 * baseline + 0.1 * reward.mean().item()
    loss = -((arms.log_prob(chosen) + doors.log_prob(opened)) * advantage).mean() - 0.01 * arms.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(episode, loss.item(), reward.mean().item(), random.random())
