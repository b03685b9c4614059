import torch

torch.manual_seed(2)
t = torch.linspace(0, 1, 120)
signal = 1.4 * torch.exp(-3.1 * t) * torch.cos(11 * t + 0.4) + 0.02 * torch.randn(120)

theta = torch.nn.Parameter(torch.tensor([1.0, 2.0, 10.0, 0.0]))
opt = torch.optim.LBFGS([theta], lr=0.8, max_iter=4)


def curve(p):
    return p[0] * torch.exp(-p[1] * t) * torch.cos(p[2] * t + p[3])


def closure():
    opt.zero_grad()
    residual = curve(theta) - signal
    loss = residual.pow(2).mean()
    return loss


for i in range(30):
    loss = opt.step(closure)
    if i % 5 == 4:
        print(f"{i + 1:3d} mse {float(loss):.6f} theta {[round(v, 3) for v in theta.tolist()]}")
