import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(61)
ARMS, CONTEXT = 4, 6
best = torch.randn(CONTEXT, ARMS)


def mlp(out):
    return nn.Sequential(nn.Linear(CONTEXT, 32), nn.Tanh(), nn.Linear(32, out))


actor, critic = mlp(ARMS), mlp(1)
actor_opt = torch.optim.Adam(actor.parameters(), lr=3e-3)
critic_opt = torch.optim.Adam(critic.parameters(), lr=1e-2)
mean_reward = 0.0

for it in range(1, 601):
    context = torch.randn(32, CONTEXT)
    policy = torch.distributions.Categorical(logits=actor(context))
    action = policy.sample()
    reward = ((context @ best).argmax(1) == action).float()
    value = critic(context).squeeze(1)
    advantage = reward - value.detach()

    actor_loss = -(policy.log_prob(action) * advantage).mean() - 0.01 * policy.entropy().mean()
    actor_opt.zero_grad()
    actor_loss.backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
    actor_opt.step()

    critic_loss = F.mse_loss(value, reward)
    critic_opt.zero_grad()
    critic_loss.backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
    critic_opt.step()

    mean_reward = 0.98 * mean_reward + 0.02 * reward.mean().item()
    if it % 100 == 0:
        print(f"{it} actor {actor_loss.item():.3f} critic {critic_loss.item():.3f} reward {mean_reward:.3f}")
