"""Gradients of convolutions on small maps, against PyTorch's own."""
import pickle
from copy import deepcopy

import pytest
import torch
from fastai.vision.all import TensorImage
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from sotatrain.core import convolution
from sotatrain.core.convolution import SmallMapConv2d, quicken
from sotatrain.learner import make_model


def gradients(layer, x):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    out = layer(x)
    out.pow(2).sum().backward()
    return out, x.grad, *(p.grad.clone() for p in layer.parameters())


@pytest.fixture
def calls(monkeypatch):
    "How often the fast way was taken."
    seen, fast = [], convolution._weight_gradient
    def counted(*args):
        seen.append(args)
        return fast(*args)
    monkeypatch.setattr(convolution, '_weight_gradient', counted)
    return seen


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 3),
       channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
       size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
       kernel=st.tuples(st.integers(1, 3), st.integers(2, 3)),
       step=st.tuples(st.integers(1, 3), st.integers(1, 2)),
       padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
       bias=st.booleans(),
       last=st.booleans())
def test_gradients_are_those_of_pytorch(n, channels, size, kernel, step, padding, bias, last):
    layer = nn.Conv2d(*channels, kernel, step, padding, bias=bias, dtype=torch.float64)
    x = torch.randn(n, channels[0], *size, dtype=torch.float64)
    if last: layer, x = (what.to(memory_format=torch.channels_last) for what in (layer, x))
    for ours, reference in zip(gradients(quicken(deepcopy(layer)), x), gradients(layer, x)):
        assert ours.shape == reference.shape
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-10)


def test_a_whole_network_learns_the_same(calls):
    torch.manual_seed(0)
    plain = make_model('xresnet18', 10).double()
    quick = quicken(deepcopy(plain))
    x, y = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.arange(4)
    for model in (plain, quick): F.cross_entropy(model(x), y).backward()
    assert len(calls) >= 8
    for a, b in zip(plain.parameters(), quick.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-10)
    assert plain.state_dict().keys() == quick.state_dict().keys()


def test_second_derivatives():
    layer = quicken(nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64))
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    def convolve(x, weight): return layer._conv_forward(x, weight, None)
    assert torch.autograd.gradgradcheck(convolve, (x, layer.weight))


def test_frozen_weights_and_pictures_without_gradient(calls):
    layer = quicken(nn.Conv2d(2, 3, 3, padding=1))
    layer.weight.requires_grad_(False)
    x = torch.randn(2, 2, 4, 4, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None and layer.weight.grad is None and not calls
    layer.weight.requires_grad_(True)
    layer(x.detach()).sum().backward()
    assert layer.weight.grad is not None and len(calls) == 1


@pytest.mark.parametrize('layer', [
    nn.Conv2d(4, 4, 1),
    nn.Conv2d(4, 4, 3, groups=2),
    nn.Conv2d(4, 4, 3, dilation=2),
    nn.Conv2d(4, 4, 3, padding='same'),
    nn.Conv2d(4, 4, 3, padding=1, padding_mode='circular'),
    type('Own', (nn.Conv2d,), {})(4, 4, 3),
])
def test_other_convolutions_are_left_alone(layer):
    before = type(layer)
    assert type(quicken(layer)) is before


def test_large_maps_and_autocast_are_left_to_pytorch(calls):
    layer = quicken(nn.Conv2d(2, 2, 3, padding=1))
    layer(torch.randn(1, 2, 5, 5)).sum().backward()
    with torch.autocast('cpu', torch.bfloat16): layer(torch.randn(1, 2, 4, 4)).sum().backward()
    assert not calls
    layer(torch.randn(1, 2, 4, 4)).sum().backward()
    assert calls


def test_a_picture_that_is_too_small_is_still_pytorchs_error():
    layer = quicken(nn.Conv2d(2, 2, 3))
    with pytest.raises(RuntimeError, match='[Kk]ernel size'): layer(torch.randn(1, 2, 2, 2))


def test_fastai_tensors_copies_and_pickles(calls):
    layer = pickle.loads(pickle.dumps(deepcopy(quicken(nn.Conv2d(2, 2, 3, padding=1)))))
    assert type(layer) is SmallMapConv2d
    out = layer(TensorImage(torch.randn(1, 2, 4, 4)))
    out.sum().backward()
    assert isinstance(out, TensorImage) and calls
    assert layer(torch.randn(2, 4, 4)).shape == (2, 4, 4)
