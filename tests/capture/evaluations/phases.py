"""Training and validation by one loop over the phases, gradients switched on in one of them."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = torch.randn(90, 5), torch.randint(0, 3, (90,))
sets = {"train": TensorDataset(x[:60], y[:60]), "val": TensorDataset(x[60:], y[60:])}
loaders = {phase: DataLoader(sets[phase], batch_size=8, shuffle=phase == "train") for phase in sets}
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(4):
    for phase in ["train", "val"]:
        model.train() if phase == "train" else model.eval()
        running_loss, running_corrects = 0.0, 0
        for inputs, labels in loaders[phase]:
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                outputs = model(inputs)
                _, predictions = torch.max(outputs, 1)
                loss = criterion(outputs, labels)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            running_loss += loss.item() * inputs.size(0)
            running_corrects += torch.sum(predictions == labels.data)
        print({"train": "training"}.get(phase, phase), running_loss / len(sets[phase]))
