"""Convolutions that train faster on a processor, against PyTorch's own."""
from copy import deepcopy

import pytest
import torch
from fastai.vision.all import TensorImage
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from sotatrain.core import convolution
from sotatrain.core.convolution import QuickConv2d
from sotatrain.learner import make_model


def quickly(layer):
    "The layer, called inside `QuickConv2d`."
    def call(x):
        with QuickConv2d(): return layer(x)
    return call


def gradients(layer, x, call):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    out = call(x)
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
       last=st.booleans(),
       rim=st.sampled_from(['zeros', 'circular']))
def test_gradients_are_those_of_pytorch(
        n, channels, size, kernel, step, padding, bias, last, rim):
    layer = nn.Conv2d(
        *channels, kernel, step, padding, bias=bias, padding_mode=rim, dtype=torch.float64)
    x = torch.randn(n, channels[0], *size, dtype=torch.float64)
    if last: layer, x = (what.to(memory_format=torch.channels_last) for what in (layer, x))
    pairs = zip(gradients(layer, x, quickly(layer)), gradients(layer, x, layer))
    for ours, reference in pairs:
        assert ours.shape == reference.shape
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-10)


def test_a_whole_network_learns_the_same(calls):
    torch.manual_seed(0)
    plain = make_model('xresnet18', 10).double()
    quick = deepcopy(plain)
    x, y = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.arange(4)
    for call in (plain, quickly(quick)): F.cross_entropy(call(x), y).backward()
    assert len(calls) >= 8
    for a, b in zip(plain.parameters(), quick.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-10)


def test_second_derivatives():
    layer = nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64)
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    def convolve(x, weight):
        with QuickConv2d(): return F.conv2d(x, weight, padding=1)
    assert torch.autograd.gradgradcheck(convolve, (x, layer.weight))


def test_frozen_weights_and_pictures_without_gradient(calls):
    layer = nn.Conv2d(2, 3, 3, padding=1)
    layer.weight.requires_grad_(False)
    x = torch.randn(2, 2, 4, 4, requires_grad=True)
    quickly(layer)(x).sum().backward()
    assert x.grad is not None and layer.weight.grad is None and not calls
    layer.weight.requires_grad_(True)
    quickly(layer)(x.detach()).sum().backward()
    assert layer.weight.grad is not None and len(calls) == 1


@pytest.mark.parametrize('layer', [
    nn.Conv2d(4, 4, 1),
    nn.Conv2d(4, 4, 3, groups=2),
    nn.Conv2d(4, 4, 2, dilation=2),
    nn.Conv2d(4, 4, 3, padding='same'),
    nn.ConvTranspose2d(4, 4, 3),
])
def test_other_convolutions_are_left_to_pytorch(layer, calls):
    quickly(layer)(torch.randn(1, 4, 4, 4)).sum().backward()
    assert not calls


def test_large_maps_are_left_to_pytorch(calls):
    layer = nn.Conv2d(2, 2, 3, padding=1)
    call = quickly(layer)
    call(torch.randn(1, 2, 5, 5)).sum().backward()
    with torch.autocast('cpu', torch.bfloat16): call(torch.randn(1, 2, 9, 9)).sum().backward()
    assert not calls
    call(torch.randn(1, 2, 4, 4)).sum().backward()
    assert calls


@pytest.mark.parametrize('size', [2, 8])
@pytest.mark.parametrize('bias', [False, True])
def test_in_bfloat16_gradients_are_rounded_as_pytorchs(size, bias, calls):
    torch.manual_seed(0)
    layer, x = nn.Conv2d(4, 6, 3, padding=1, bias=bias), torch.randn(3, 4, size, size)
    exact = gradients(layer, x, layer)
    def in_bfloat16(call):
        with torch.autocast('cpu', torch.bfloat16): return gradients(layer, x, call)
    for ours, theirs, right in zip(in_bfloat16(quickly(layer)), in_bfloat16(layer), exact):
        assert ours.dtype == theirs.dtype
        for found in (ours, theirs): assert (found - right).norm() < .02 * right.norm()
    assert calls


@pytest.mark.parametrize('kernel, n_out', [(3, 4), (5, 4), (3, 8)])
def test_depthwise_ones_are_computed_in_float32(kernel, n_out):
    layer, x = nn.Conv2d(4, n_out, kernel, groups=4), torch.randn(3, 4, 9, 9)
    exact = gradients(layer, x, layer)
    with torch.autocast('cpu', torch.bfloat16):
        found = gradients(layer, x, quickly(layer))
        assert quickly(layer)(x.bfloat16()).dtype == torch.float32
    for ours, right in zip(found, exact): torch.testing.assert_close(ours, right)


@pytest.mark.parametrize('groups, dtype, trains', [
    (2, torch.bfloat16, True),   # groups of several channels
    (4, torch.float16, True),    # another dtype
    (4, torch.bfloat16, False),  # nothing is trained
])
def test_autocast_rules_elsewhere(groups, dtype, trains):
    layer = quickly(nn.Conv2d(4, 4, 3, groups=groups))
    with torch.autocast('cpu', dtype), torch.set_grad_enabled(trains):
        assert layer(torch.randn(1, 4, 9, 9)).dtype == dtype


def test_autocast_leaves_doubles_alone(calls):
    layer = quickly(nn.Conv2d(2, 2, 3, dtype=torch.float64))
    with torch.autocast('cpu', torch.bfloat16):
        assert layer(torch.randn(1, 2, 4, 4, dtype=torch.float64)).dtype == torch.float64
    assert not calls


@pytest.mark.parametrize('shape', [(1, 2, 2, 2), (1, 2, 1, 1), (1, 3, 4, 4)])
def test_pictures_that_do_not_fit_are_still_pytorchs_error(shape):
    layer, x = nn.Conv2d(2, 2, 3), torch.randn(shape)
    messages = []
    for call in (layer, quickly(layer)):
        with pytest.raises(RuntimeError) as caught: call(x)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_fastai_tensors_and_single_pictures(calls):
    call = quickly(nn.Conv2d(2, 2, 3, padding=1))
    out = call(TensorImage(torch.randn(1, 2, 4, 4)))
    out.sum().backward()
    assert isinstance(out, TensorImage) and calls
    assert call(torch.randn(2, 4, 4)).shape == (2, 4, 4)


def test_strides_and_paddings_may_be_single_numbers(calls):
    x, weight = torch.randn(1, 2, 4, 4), torch.randn(3, 2, 3, 3, requires_grad=True)
    with QuickConv2d(): out = F.conv2d(x, weight, stride=2, padding=1)
    out.sum().backward()
    assert calls and torch.allclose(out, F.conv2d(x, weight, stride=2, padding=1))


def test_gradients_of_each_picture_by_torch_func(calls):
    layer = nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64)
    pictures = torch.randn(5, 1, 2, 4, 4, dtype=torch.float64)
    weights = dict(layer.named_parameters())
    def loss(weights, x): return torch.func.functional_call(layer, weights, x).pow(2).sum()
    def each(): return torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, pictures)
    expected = each()
    with QuickConv2d(): found = each()
    assert calls
    for name in expected: torch.testing.assert_close(found[name], expected[name])
