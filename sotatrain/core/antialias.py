"""Windows that become much smaller, without jagged edges.

A bilinear look-up sees four stored pixels. Where a pixel of the crop covers two stored ones or
more, whole blocks of them are averaged first. Below that nothing changes, not a bit."""
import torch.nn.functional as F
from torch import Tensor

from .checks import has_values, tensors, whole

__all__ = ['averaged_crops', 'block_sizes', 'check_windows']


def block_sizes(
    matrices: Tensor,  # n × 2 × 3: windows, as `crop_matrices` makes them
    side: int,         # of the stored squares, px
    size: int,         # of the crops, px
) -> Tensor:           # n × 2: whole stored pixels (down, across) in one of the crop
    steps = matrices[:, :, :2].norm(dim=2).flip(1) * (side / size)
    return (steps + 1e-4).floor().clamp(1, side).long()  # 1.99999 is a rounded 2


def averaged_crops(
    look_up,           # from (pixels, matrices, size) to crops
    pixels: Tensor,    # n × 3 × side × side, floats
    matrices: Tensor,  # n × 2 × 3
    blocks: Tensor,    # n × 2, from `block_sizes`; on the processor
    size: int,         # of the crops, px
) -> Tensor:           # n × 3 × size × size
    "Look up in averages over blocks: their places are the same, from −1 to 1."
    kinds = blocks.unique(dim=0)
    if len(kinds) < 2: return look_up(_averaged(pixels, *kinds.tolist()), matrices, size)
    crops = pixels.new_empty(len(pixels), pixels.shape[1], size, size)
    for block in kinds:
        some = (blocks == block).all(1).nonzero()[:, 0].to(pixels.device)
        crops[some] = look_up(_averaged(pixels[some], block.tolist()), matrices[some], size)
    return crops


def _averaged(pixels, block=(1, 1)):
    if max(block) == 1: return pixels
    sides = [max(1, side // n) for side, n in zip(pixels.shape[2:], block)]
    return F.adaptive_avg_pool2d(pixels, sides)


def check_windows(start, stop, n_in, n_out):
    "Raises `TypeError` or `ValueError` for what `resize_weights` cannot take."
    whole('n_in', n_in)
    whole('n_out', n_out)
    tensors(start=(start, 'n'), stop=(stop, 'n'))
    if not has_values(start): return
    rounding = 1e-3 * n_in
    if not ((start < stop) & (start >= -rounding) & (stop <= n_in + rounding)).all():
        raise ValueError(
            f"a window must begin before it ends, and be within 0 and n_in={n_in}: start goes "
            f"from {start.min():.4g} to {start.max():.4g}, stop from {stop.min():.4g} to "
            f"{stop.max():.4g}")
