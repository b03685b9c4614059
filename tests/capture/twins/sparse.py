"""Sparse gradients: embedding bags with SparseAdam beside a dense head, and a sparse weight."""
import torch
from torch import nn

torch.manual_seed(37)
table = nn.EmbeddingBag(50, 8, mode="mean", sparse=True)
head = nn.Linear(8, 2)
sparse, dense = torch.optim.SparseAdam(table.parameters(), 0.02), torch.optim.Adam(head.parameters(), 0.02)
for step in range(10):
    words, starts = torch.randint(0, 50, (40,)), torch.arange(0, 40, 5)
    sparse.zero_grad()
    dense.zero_grad()
    loss = nn.functional.cross_entropy(head(table(words, starts)), torch.randint(0, 2, (8,)))
    loss.backward()
    print(step, loss.item(), table.weight.grad.is_sparse, table.weight.grad._nnz())
    sparse.step()
    dense.step()
adjacency = torch.eye(6).to_sparse()
weight = nn.Parameter(torch.randn(6, 2))
sgd = torch.optim.SGD([weight], 0.1)
for step in range(4):
    sgd.zero_grad()
    torch.sparse.mm(adjacency, weight).square().mean().backward()
    sgd.step()
print(weight.sum().item())
