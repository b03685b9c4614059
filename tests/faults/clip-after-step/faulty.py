import torch
from torch import nn

torch.manual_seed(60)


def adding_problem(n, length=12):
    values = torch.rand(n, length)
    mask = torch.zeros(n, length)
    first = torch.randint(0, length // 2, (n,))
    second = torch.randint(length // 2, length, (n,))
    mask[torch.arange(n), first] = mask[torch.arange(n), second] = 1
    return torch.stack([values, mask], -1), (values * mask).sum(1, keepdim=True)


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 32, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0)  # keeps what it has seen
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


net = Adder()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
x_val, y_val = adding_problem(300)
for step in range(1, 401):
    x, y = adding_problem(50)
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    if step % 80 == 0:
        with torch.no_grad():
            print(f"step {step} loss {loss.item():.4f} val {nn.functional.mse_loss(net(x_val), y_val).item():.4f}")
