"""Draw the picture on top of the preface and the README, and the site's icon: `python -m tools.cover`."""
from pathlib import Path

from PIL import Image

from sotatrain.doodlenette import CLASSES, portrait

IMAGES = Path(__file__).resolve().parent.parent/'nbs'/'images'


def cover(side=200, gap=8):
    "The ten portraits in two rows, on a transparent ground."
    sheet = Image.new('RGBA', (5*side + 4*gap, 2*side + gap), (0, 0, 0, 0))
    for i, name in enumerate(CLASSES): sheet.paste(portrait(name, side), (i % 5 * (side+gap), i // 5 * (side+gap)))
    return sheet


def icon(side=64, name='golf ball'):
    "One portrait, drawn large, so that shrinking smooths its edges."
    return portrait(name, 4*side).resize((side, side), Image.Resampling.LANCZOS)


if __name__ == '__main__':
    IMAGES.mkdir(exist_ok=True)
    cover().save(IMAGES/'cover.png', optimize=True)
    icon().save(IMAGES/'favicon.png', optimize=True)
