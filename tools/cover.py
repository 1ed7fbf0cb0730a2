"""Draw the picture on top of the preface and the README: `python -m tools.cover`."""
from pathlib import Path

from PIL import Image

from sotatrain.doodlenette import CLASSES, portrait

COVER = Path(__file__).resolve().parent.parent/'nbs'/'images'/'cover.png'


def cover(side=200, gap=8):
    "The ten portraits in two rows, on a transparent ground."
    sheet = Image.new('RGBA', (5*side + 4*gap, 2*side + gap), (0, 0, 0, 0))
    for i, name in enumerate(CLASSES): sheet.paste(portrait(name, side), (i % 5 * (side+gap), i // 5 * (side+gap)))
    return sheet


if __name__ == '__main__':
    COVER.parent.mkdir(exist_ok=True)
    cover().save(COVER, optimize=True)
