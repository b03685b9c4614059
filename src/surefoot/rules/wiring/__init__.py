"""Rules about structure: what is connected, called, ordered and shaped; seen once and sure."""
