"""One small picture in every mode that files have: what a model is checked with."""
import numpy as np
from PIL import Image

__all__ = ['sample_pictures']


def sample_pictures() -> dict:
    "Pillow images by what is special about them; wide ones, tall ones, square ones."
    colours = Image.fromarray(_noise(90, 120, 3))
    alpha = Image.fromarray(_noise(90, 120, 4), 'RGBA')
    deep = Image.fromarray((_noise(150, 40, 1)[..., 0].astype(np.uint16) * 257))
    see_through = colours.convert('P', palette=Image.Palette.ADAPTIVE)
    see_through.info['transparency'] = 3
    turned = colours.resize((64, 100))
    turned.getexif()[0x0112] = 6  # the camera was held on its side
    return {
        'RGB': colours, 'L': colours.convert('L').resize((100, 100)),
        'P, transparent': see_through, 'RGBA': alpha, 'LA': alpha.convert('LA'),
        'CMYK': colours.convert('CMYK'), '1': colours.convert('1'), 'I;16': deep,
        'turned by EXIF': turned, 'tiny': colours.resize((3, 2))}


def _noise(height, width, channels):
    "Blocks of random colours, with what is between them."
    small = np.random.default_rng(0).integers(0, 256, (6, 8, channels), dtype=np.uint8)
    layers = [Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC)
              for layer in small.transpose(2, 0, 1)]
    return np.stack([np.asarray(layer) for layer in layers], -1)
