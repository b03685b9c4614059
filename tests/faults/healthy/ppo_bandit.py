import torch
from torch import nn

torch.manual_seed(2)
ARMS, DIM = 5, 4
W = torch.randn(DIM, ARMS)
body = nn.Sequential(nn.Linear(DIM, 32), nn.Tanh())
pi, v = nn.Linear(32, ARMS), nn.Linear(32, 1)
params = [*body.parameters(), *pi.parameters(), *v.parameters()]
opt = torch.optim.Adam(params, lr=3e-3)
for it in range(60):
    with torch.no_grad():
        s = torch.randn(256, DIM)
        h = body(s)
        d = torch.distributions.Categorical(logits=pi(h))
        a = d.sample()
        logp_old, value_old = d.log_prob(a), v(h).squeeze(1)
        r = ((s @ W).argmax(1) == a).float()
        adv = r - value_old
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(3):
        for i in torch.randperm(256).split(64):
            h = body(s[i])
            d = torch.distributions.Categorical(logits=pi(h))
            ratio = (d.log_prob(a[i]) - logp_old[i]).exp()
            surrogate = torch.minimum(ratio * adv[i], ratio.clamp(0.8, 1.2) * adv[i])
            loss = -surrogate.mean() + 0.5 * (v(h).squeeze(1) - r[i]).pow(2).mean() - 0.01 * d.entropy().mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(params, 0.5)
            opt.step()
    if it % 15 == 14:
        print(f"iteration {it + 1} loss {loss.item():.4f} reward {r.mean().item():.3f}")
