"""surefoot: gradient descent for PyTorch that says what is wrong."""
