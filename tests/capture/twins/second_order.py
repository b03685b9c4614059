"""Hessians, products with them, forward-mode derivatives, beside a training by Newton steps."""
import torch
from torch.autograd.functional import hessian, hvp, jvp
from torch.func import jacfwd, jacrev
import torch.autograd.forward_ad as fwd

torch.manual_seed(29)
x, y = torch.randn(30, 3), torch.randn(30)
w = torch.zeros(3, requires_grad=True)


def loss_of(w):
    return ((x @ w - y) ** 2).mean() + 0.01 * (w**4).sum()


for step in range(6):
    loss = loss_of(w)
    (gradient,) = torch.autograd.grad(loss, w)
    with torch.no_grad():
        w -= torch.linalg.solve(hessian(loss_of, w), gradient)
    print(step, loss.item(), gradient.norm().item())
print(hvp(loss_of, w, torch.ones(3))[1].tolist(), jvp(loss_of, w, torch.ones(3))[1].item())
print(torch.allclose(jacfwd(jacrev(loss_of))(w.detach()), hessian(loss_of, w)))
with fwd.dual_level():
    dual = loss_of(fwd.make_dual(w.detach(), torch.ones(3)))
    print(fwd.unpack_dual(dual).tangent.item())
