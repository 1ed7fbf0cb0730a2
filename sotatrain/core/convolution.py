"""Faster gradients for convolutions on small feature maps, on a processor.

The deeper a network, the smaller its maps: xresnet18 at 32 px ends with maps of a single pixel.
For those, PyTorch's oneDNN needs much longer for the gradient of the weights than for anything
else in the layer. That gradient is one matrix product: each of the output's gradients times the
patch of the input that it looked at. (`python -m bench.learner` measures what it saves.)"""
import torch
import torch.nn.functional as F
from torch import nn

__all__ = ['quicken', 'SmallMapConv2d']

SMALL = 16  # pixels of the output; from about 8 × 8 on, PyTorch's way is as fast


def quicken(model: nn.Module) -> nn.Module:
    """Let the convolutions of a model notice when their maps are small. Weights, names and
    results stay what they were."""
    for layer in model.modules():
        if type(layer) is nn.Conv2d and _is_plain(layer): layer.__class__ = SmallMapConv2d
    return model

def _is_plain(layer):
    return (max(layer.kernel_size) > 1 and layer.groups == 1 and layer.dilation == (1, 1)
            and layer.padding_mode == 'zeros' and not isinstance(layer.padding, str))


class SmallMapConv2d(nn.Conv2d):
    """`nn.Conv2d`; on a processor, in full precision, and where its output is small, the
    weights' gradient is computed faster."""
    def _conv_forward(self, x, weight, bias):
        if not self._is_small(x): return super()._conv_forward(x, weight, bias)
        out = _Convolution.apply(x, weight, self.stride, self.padding)
        return out if bias is None else out + bias.view(-1, 1, 1)

    def _is_small(self, x):
        if x.device.type != 'cpu' or x.dim() != 4: return False
        if torch.is_autocast_enabled('cpu') or not torch.is_grad_enabled(): return False
        sides = zip(x.shape[2:], self.padding, self.kernel_size, self.stride)
        height, width = ((n + 2*pad - kernel)//step + 1 for n, pad, kernel, step in sides)
        return 0 < height*width <= SMALL


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, stride, padding):
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        of_x = of_weight = None
        if wants_x:
            of_x = torch.nn.grad.conv2d_input(x.shape, weight, grad, ctx.stride, ctx.padding)
        if wants_weight:
            of_weight = _weight_gradient(x, grad, weight.shape, ctx.stride, ctx.padding)
        return of_x, of_weight, None, None  # stride and padding have no gradient


def _weight_gradient(x, grad, shape, stride, padding):
    "Channels come last in all of it, as they do in memory."
    n_out, n_in, height, width = shape
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0])).permute(0, 2, 3, 1)
    patches = x.unfold(1, height, stride[0]).unfold(2, width, stride[1])
    patches = patches.permute(0, 1, 2, 4, 5, 3).reshape(-1, height*width*n_in)
    grad = grad.permute(0, 2, 3, 1).reshape(-1, n_out)
    return (grad.t() @ patches).view(n_out, height, width, n_in).permute(0, 3, 1, 2)
