"""Reading the autograd graph of a loss: functions of its nodes, which keep nothing."""
