import torch
import torch.nn as nn

torch.manual_seed(21)


def scenes(n, size=12):
    """Noisy images of a rectangle and a disc; label per pixel: 0 ground, 1 rectangle, 2 disc."""
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    labels = torch.zeros(n, size, size, dtype=torch.long)
    for lab in labels:
        r, c = torch.randint(0, size - 4, (2,)).tolist()
        lab[r:r + 4, c:c + 3] = 1
        r, c = torch.randint(2, size - 2, (2,)).tolist()
        lab[(yy - r) ** 2 + (xx - c) ** 2 <= 5] = 2
    level = torch.tensor([0.0, 1.0, -1.0])[labels]
    return (level + 0.4 * torch.randn(n, size, size)).unsqueeze(1), labels


train_x, train_y = scenes(480)
test_x, test_y = scenes(100)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
    nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
    nn.Conv2d(8, 3, 1),
    nn.Softmax2d(),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)

for epoch in range(1, 9):
    net.train()
    for b in torch.randperm(480).split(16):
        optimizer.zero_grad()
        loss = criterion(net(train_x[b]), train_y[b])
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        out = net(test_x)
        iou = [((out.argmax(1) == k) & (test_y == k)).sum() / ((out.argmax(1) == k) | (test_y == k)).sum() for k in range(3)]
    print(f"epoch {epoch} loss {loss.item():.4f} test {criterion(out, test_y).item():.4f} mean IoU {sum(iou).item() / 3:.3f}")
