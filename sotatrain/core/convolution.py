"""Faster convolutions in training, on a processor: on small feature maps, and depthwise ones.

The deeper a network, the smaller its maps: xresnet18 at 32 px ends with maps of a single pixel.
For those, PyTorch's oneDNN needs much longer for the gradient of the weights than for anything
else in the layer, in bfloat16 above all. That gradient is one matrix product: each of the
output's gradients times the patch of the input that it looked at. (`python -m bench.learner`
measures what it saves.)

A depthwise convolution, which has a filter of its own for each channel, has few operations and
much memory to pass. In training, oneDNN needs several times as long for it in bfloat16 as in
float32, most of all with kernels above 3 × 3. So where autocast asks for bfloat16, those are
computed in float32. (One step of EfficientNet-Lite0, 32 pictures, one core with AMX: .64
seconds instead of 1.5 at 128 px, 2.1 instead of 4.6 at 224.)

The network is not changed. `with QuickConv2d(): out = model(x)` watches the calls of
PyTorch's `conv2d` inside, and computes those two kinds in its own way; results are the
same."""
import torch
import torch.nn.functional as F
from torch.nn.modules.utils import _pair
from torch.overrides import TorchFunctionMode

from .forward import CallNetwork

__all__ = ['QuickConv2d', 'QuickConvolutions']

# Pixels of the output, up to which ours is faster. One layer, 256 to 512 channels, 4 × 4 maps,
# one core with AMX: 4 ms instead of 22 in bfloat16, 18 instead of 22 in float32.
SMALL, SMALL_BF16 = 16, 64


class QuickConvolutions(CallNetwork):
    "A callback: the learner calls its network inside `QuickConv2d`, when it trains."
    def call(self, network, *xb):
        if not torch.is_grad_enabled(): return network(*xb)
        with QuickConv2d(): return network(*xb)


class QuickConv2d(TorchFunctionMode):
    """Inside, on a processor, the gradients of convolutions on small maps are computed faster,
    in bfloat16 where autocast asks for it; depthwise convolutions, in float32 even there."""
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.conv2d and not torch.compiler.is_compiling(): func = _conv2d
        return func(*args, **kwargs or {})


def _conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    "With the signature of `torch.nn.functional.conv2d`."
    if _is_quicker_in_float32(input, weight, groups):
        with torch.autocast('cpu', enabled=False):
            return F.conv2d(input.float(), weight, bias, stride, padding, dilation, groups)
    if not _is_quicker(input, weight, stride, padding, dilation, groups):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    if torch.is_autocast_enabled('cpu'):
        input, weight = (t.to(torch.get_autocast_dtype('cpu')) for t in (input, weight))
    out = _Convolution.apply(input, weight, _pair(stride), _pair(padding))
    return out if bias is None else out + bias.to(out.dtype).view(-1, 1, 1)


def _is_quicker_in_float32(x, weight, groups):
    "Depthwise, and autocast would take bfloat16."
    if groups == 1 or weight.shape[1] != 1 or x.device.type != 'cpu': return False
    wanted = torch.is_autocast_enabled('cpu') and torch.get_autocast_dtype('cpu')
    return (wanted == torch.bfloat16 and torch.is_grad_enabled()
            and x.dtype in (torch.bfloat16, torch.float32) and weight.dtype == torch.float32)


def _is_quicker(x, weight, stride, padding, dilation, groups):
    autocast = torch.is_autocast_enabled('cpu')
    if x.device.type != 'cpu' or x.dim() != 4 or not torch.is_grad_enabled(): return False
    if x.dtype != weight.dtype and not autocast: return False
    if autocast and torch.float64 in (x.dtype, weight.dtype): return False  # it leaves those
    small = SMALL_BF16 if autocast or x.dtype == torch.bfloat16 else SMALL
    if groups != 1 or _pair(dilation) != (1, 1) or isinstance(padding, str): return False
    kernel = weight.shape[2:]
    sides = zip(x.shape[2:], _pair(padding), kernel, _pair(stride))
    height, width = ((n + 2*pad - k)//step + 1 for n, pad, k, step in sides)
    return max(kernel) > 1 and height > 0 and 0 < height*width <= small


class _Convolution(torch.autograd.Function):
    generate_vmap_rule = True  # `torch.func` and `torch.vmap` work, too

    @staticmethod
    def forward(x, weight, stride, padding): return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, weight, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(x, weight)

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
