"""The forge: training scripts made from parts, one fault put into each, and what surefoot says of them, scored."""
