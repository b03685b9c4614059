import copy
import random

import torch
from torch import nn

random.seed(4)
torch.manual_seed(4)
N, eye = 7, torch.eye(7)
q = nn.Sequential(nn.Linear(N, 32), nn.ReLU(), nn.Linear(32, 2))
frozen = copy.deepcopy(q).requires_grad_(False)
opt = torch.optim.AdamW(q.parameters(), lr=3e-3)
memory, updates = [], 0
for episode in range(80):
    s = 0
    for t in range(20):
        a = random.randrange(2) if random.random() < 0.3 else int(q(eye[s]).argmax())
        s2 = min(max(s + 2 * a - 1, 0), N - 1)
        r = 1.0 if s2 == N - 1 else 0.0
        memory.append((s, a, r, s2))
        s = s2
        if len(memory) > 100:
            S, A, R, S2 = (torch.tensor(c) for c in zip(*random.sample(memory, 32)))
            value = q(eye[S]).gather(1, A[:, None])
            goal = R[:, None] + 0.8 * (R == 0).float()[:, None] * frozen(eye[S2]).amax(1, keepdim=True)
            loss = nn.functional.smooth_l1_loss(value, goal)
            opt.zero_grad()
            loss.backward()
            opt.step()
            updates += 1
            if updates % 50 == 0:
                frozen.load_state_dict(q.state_dict())
        if r:
            break
    if episode % 16 == 15:
        print(f"episode {episode + 1} steps {t + 1} Q(start, right) {q(eye[0])[1].item():.3f}")
