"""A recurrent tagger on sequences of many lengths, packed, with a loss that leaves the padding out."""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(40)
generator = torch.Generator().manual_seed(41)
embed, rnn, out = nn.Embedding(12, 6, padding_idx=0), nn.LSTM(6, 8, bidirectional=True), nn.Linear(16, 3)
params = [p for m in (embed, rnn, out) for p in m.parameters()]
optimizer = torch.optim.NAdam(params, 0.01)
for step in range(10):
    lengths = torch.randint(2, 7, (6,), generator=generator)
    words = pad_sequence([torch.randint(1, 12, (n,), generator=generator) for n in lengths.tolist()])
    packed = pack_padded_sequence(embed(words), lengths, enforce_sorted=False)
    states, _ = pad_packed_sequence(rnn(packed)[0])
    tags = (words % 3).masked_fill(words == 0, -100)
    loss = nn.functional.cross_entropy(out(states).flatten(0, 1), tags.flatten(), ignore_index=-100)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(params, 0.5)
    optimizer.step()
    print(step, loss.item(), generator.get_state().sum().item())
