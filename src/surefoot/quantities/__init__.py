"""What is measured at a step, one file each: tensors in, named device scalars out. Never when, never a host copy."""
