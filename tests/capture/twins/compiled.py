"""A compiled model and a compiled step, and how often they were compiled."""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(8)
graphs = []


def backend(graph, inputs):
    graphs.append([node.name for node in graph.graph.nodes])
    return graph.forward


model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
fast = torch.compile(model, backend=backend)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


@torch.compile(backend="eager")
def criterion(scores, target):
    return F.cross_entropy(scores, target, label_smoothing=0.1)


for step in range(8):
    optimizer.zero_grad()
    loss = criterion(fast(torch.randn(6, 4)), torch.randint(0, 3, (6,)))
    loss.backward()
    optimizer.step()
    print(step, loss.item())
fast.eval()
with torch.no_grad():
    print(fast(torch.ones(2, 4)).sum().item())
print(len(graphs), graphs)
