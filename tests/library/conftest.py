import sys

import pytest


@pytest.fixture(autouse=True)
def known_peak(monkeypatch):
    """How fast the machine multiplies takes longer to find out than a small run does. The same
    random numbers are drawn for it."""
    training = sys.modules.get('sotatrain.experiment.training')  # most tests need no fastai
    if training is None: return
    def peak(device='cpu', dtype=None, n=1024, repeats=20):
        import torch
        torch.randn(2, n, n, device=device, dtype=dtype)
        return 100.
    monkeypatch.setattr(training, 'peak', peak)
