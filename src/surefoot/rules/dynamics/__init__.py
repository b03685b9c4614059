"""Rules about how things move: loss, gradients, updates, activations, rates, over steps."""
