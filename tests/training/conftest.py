import pytest
import torch


@pytest.fixture(autouse=True, scope="module")  # before the trainings that a module shares
def one_thread():
    torch.set_num_threads(1)
