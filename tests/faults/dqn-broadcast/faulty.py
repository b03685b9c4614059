import copy
import random
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(29)
N = 8  # corridor with a reward at its right end


def step(s, a):
    s2 = max(0, s - 1) if a == 0 else s + 1
    return s2, float(s2 == N - 1), s2 == N - 1


q = nn.Sequential(nn.Linear(N, 32), nn.ReLU(), nn.Linear(32, 2))
target = copy.deepcopy(q)
opt = torch.optim.Adam(q.parameters(), lr=3e-3)
huber = nn.SmoothL1Loss()
memory, eye = deque(maxlen=3000), torch.eye(N)
gamma, total = 0.9, 0

for episode in range(120):
    s, done, t = 0, False, 0
    while not done and t < 30:
        with torch.no_grad():
            a = random.randrange(2) if random.random() < max(0.1, 1 - episode / 40) else q(eye[s]).argmax().item()
        s2, r, done = step(s, a)
        memory.append((s, a, r, s2, float(done)))
        s, t = s2, t + 1
        if len(memory) >= 64:
            S, A, R, S2, D = zip(*random.sample(memory, 64))
            value = q(eye[list(S)]).gather(1, torch.tensor(A).unsqueeze(1))
            with torch.no_grad():
                goal = torch.tensor(R) + gamma * (1 - torch.tensor(D)) * target(eye[list(S2)]).max(1).values
            loss = huber(value, goal)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += 1
            if total % 100 == 0:
                target.load_state_dict(q.state_dict())
    if episode % 20 == 19:
        print(f"episode {episode + 1} steps {t} loss {loss.item():.5f} Q(0) {[round(v, 3) for v in q(eye[0]).tolist()]} Q({N - 2}) {[round(v, 3) for v in q(eye[N - 2]).tolist()]}")
