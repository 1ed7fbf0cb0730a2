"""Random crops that are much smaller than their windows, without jagged edges.

A bilinear look-up sees four stored pixels. Where a pixel of the crop covers two stored ones or
more, whole blocks of them are averaged first. Below that nothing changes, not a bit."""
import torch.nn.functional as F
from torch import Tensor

__all__ = ['block_sizes', 'in_blocks']


def block_sizes(
    matrices: Tensor,  # n × 2 × 3: windows, as `crop_matrices` makes them
    side: int,         # of the stored squares, px
    size: int,         # of the crops, px
) -> Tensor:           # n × 2: whole stored pixels (down, across) in one of the crop
    steps = matrices[:, :, :2].norm(dim=2).flip(1) * (side / size)
    return (steps + 1e-4).floor().clamp(1, side).long()  # 1.9999 is a rounded 2


def in_blocks(
    pixels: Tensor,  # n × 3 × side × side, floats
    blocks: Tensor,  # n × 2, from `block_sizes`, on the processor
):
    """Pictures with blocks of the same size at a time, averaged over these: pairs (which of the
    pictures, their smaller versions)."""
    if (blocks == 1).all():
        yield slice(None), pixels
        return
    for block in blocks.unique(dim=0):
        some = (blocks == block).all(1).nonzero()[:, 0].to(pixels.device)
        yield some, _averaged(pixels[some], block.tolist())


def _averaged(pixels, block):
    sides = [max(1, side // n) for side, n in zip(pixels.shape[2:], block)]
    return pixels if block == [1, 1] else F.adaptive_avg_pool2d(pixels, sides)
