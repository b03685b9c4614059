import torch
from torch import nn

torch.manual_seed(21)
t = torch.arange(4000) * 0.1
x = torch.sin(t) * torch.sin(0.31 * t) + 0.05 * torch.randn(4000)
streams = x.view(20, 200, 1)
rnn, head = nn.LSTM(1, 24, batch_first=True), nn.Linear(24, 1)
opt = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=6e-3)
for epoch in range(15):
    state, losses = None, []
    for k in range(0, 160, 20):
        window = streams[:, k:k + 21]
        out, state = rnn(window[:, :-1], state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.mse_loss(head(out), window[:, 1:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    with torch.no_grad():
        out, _ = rnn(streams[:, 160:-1])
        val = nn.functional.mse_loss(head(out), streams[:, 161:]).item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} loss {sum(losses) / len(losses):.4f} val {val:.4f}")
