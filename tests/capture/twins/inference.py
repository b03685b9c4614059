"""Evaluation in inference mode, as context and as decorator, its tensors used later."""
import torch
from torch import nn

torch.manual_seed(18)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
criterion = nn.CrossEntropyLoss()
held_out = torch.randn(20, 4), torch.randint(0, 2, (20,))


@torch.inference_mode()
def evaluate():
    model.eval()
    scores = model(held_out[0])
    return criterion(scores, held_out[1]), scores


with torch.inference_mode():
    mean = torch.randn(100, 4).mean(0)
for epoch in range(5):
    model.train()
    for _ in range(4):
        optimizer.zero_grad()
        criterion(model(torch.randn(10, 4) - mean), torch.randint(0, 2, (10,))).backward()
        optimizer.step()
    loss, scores = evaluate()
    print(epoch, loss.item(), scores.is_inference(), loss.is_inference())
    with torch.inference_mode(), torch.inference_mode(False):
        print(torch.is_grad_enabled(), torch.is_inference_mode_enabled())
