"""Tiles of a landscape from above, each with several labels, drawn by code.

As in photographs by satellites, some labels are rare, some go together, and clouds hide what is
below."""
import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.cache import cache_folder, new_folder, one_at_a_time
from ..core.checks import as_path, whole
from ..core.docs import document
from ..core.threads import in_threads
from .pen import (
    EARTHS,
    GREENS,
    PAINTS,
    WHITE,
    Pen,
    band,
    blob,
    box,
    chance,
    curve,
    dim,
    lit,
    pick,
    vary,
)

__all__ = ['TAGS', 'tile', 'tiles']

VERSION = 1  # part of the folder's name: raise it whenever the pictures change
ABOUT = 'tiles.json'
OVERSAMPLE = 2
WATER = (64, 104, 132)
ASPHALT = (112, 112, 116)
SAND = (206, 190, 152)


# What there is on the ground; each takes a pen and a random generator, in a frame of [-1, 1]

def fields(pen, rng):
    "Strips with furrows, all in one direction."
    turned = pen.at(*rng.uniform(-.3, .3, 2), angle=rng.uniform(0, 180))
    edges = np.cumsum(rng.uniform(.18, .4, 7))
    edges = np.concatenate([[0], edges]) - edges[-1] / 2
    for left, right in zip(edges, edges[1:]):
        colour = vary(rng, pick(rng, [*GREENS, (196, 176, 98), (168, 148, 92)]), .12)
        low, high = rng.uniform(-1.6, -.5), rng.uniform(.5, 1.6)
        turned.fill(box(left, low, right - .015, high), colour)
        for x in np.arange(left + .03, right - .03, .045):
            turned.fill(box(x, low, x + .012, high), dim(colour, .18))


def forest(pen, rng):
    "Crowns, close together, around a few places."
    for x, y in rng.uniform(-.9, .9, (int(rng.integers(2, 5)), 2)):
        green = vary(rng, pick(rng, GREENS[:3]), .06)
        for dx, dy, r in rng.normal(0, 1, (60, 3)) * (.24, .24, .015) + (0, 0, .055):
            pen.disc(x + dx + .02, y + dy + .02, max(r, .02), dim(green, .5))
            pen.disc(x + dx, y + dy, max(r, .02), dim(green, rng.uniform(.1, .35)))


def river(pen, rng): _ribbon(pen, rng, WATER, rng.uniform(.1, .22), bends=.35)


def road(pen, rng):
    way = _ribbon(pen, rng, ASPHALT, .085, bends=.12)
    for a, b in zip(way[::4], way[2::4]): pen.fill(band(np.stack([a, b]), .014), WHITE)


def _ribbon(pen, rng, colour, width, bends):
    "From one side to the other; its middle line is given back."
    turned = pen.at(0, 0, angle=rng.uniform(0, 360))
    ys = rng.uniform(-.5, .5) + rng.uniform(-bends, bends, 5)
    way = curve(*zip(np.linspace(-1.6, 1.6, 5), ys))
    turned.fill(band(way, width * 1.25), lit(colour, .35))
    turned.fill(band(way, width), vary(rng, colour, .04))
    c, s = np.cos(a := np.arctan2(*turned.turn[::-1, 0])), np.sin(a)
    return way @ np.array([(c, s), (-s, c)])


def lake(pen, rng):
    x, y, r = *rng.uniform(-.5, .5, 2), rng.uniform(.25, .45)
    angles = np.linspace(0, 2*np.pi, 7, endpoint=False)
    rim = r * rng.uniform(.65, 1.1, 7)
    shore = np.stack([x + rim*np.cos(angles), y + rim*np.sin(angles)], 1)
    pen.fill(blob(*((shore - (x, y)) * 1.12 + (x, y))), SAND)
    pen.fill(blob(*shore), vary(rng, WATER, .05))


def quarry(pen, rng):
    "Steps of sand, each smaller and darker."
    x, y, r = *rng.uniform(-.5, .5, 2), rng.uniform(.3, .45)
    for step in range(5):
        size = r * (1 - .17*step)
        pen.disc(x, y, size, dim(SAND, .09*step), .8*size)


def houses(pen, rng):
    "Roofs in rows, with their shadows."
    block = pen.at(*rng.uniform(-.4, .4, 2), angle=rng.uniform(0, 90))
    columns, rows = rng.integers(2, 5, 2)
    for column in range(columns):
        for row in range(rows):
            x, y = (column - columns/2)*.26, (row - rows/2)*.22
            if chance(rng, .15): continue
            roof = vary(rng, pick(rng, PAINTS[:2] + PAINTS[8:]), .06)
            block.rect(x + .02, y + .02, x + .17, y + .13, dim(roof, .75))
            block.rect(x, y, x + .15, y + .055, lit(roof, .15))
            block.rect(x, y + .055, x + .15, y + .11, dim(roof, .2))


def haze(pen, rng): pen.rect(-1, -1, 1, 1, (222, 228, 234), alpha=rng.uniform(.35, .55))


def clouds(pen, rng):
    for x, y in rng.uniform(-1, 1, (int(rng.integers(2, 5)), 2)):
        for dx, dy, r in rng.normal(0, 1, (7, 3)) * (.16, .1, .05) + (0, 0, .2):
            pen.glow(x + dx, y + dy, max(r, .1), max(r, .1), WHITE, 1.1)


# From the ground up, and how often each is there
TAGS = {fields: .5, forest: .5, river: .22, lake: .1, quarry: .03, road: .35, houses: .3,
        haze: .2, clouds: .25}


def tile(
    seed: int = 0,    # tiles of different seeds have nothing in common
    index: int = 0,   # number of the tile
    side: int = 128,  # px
) -> tuple:           # RGB picture, its tags
    "One tile. It depends on nothing else."
    for name, value in dict(seed=seed, index=index).items(): whole(name, value, 0)
    whole('side', side)
    rng = np.random.default_rng([seed, index])
    there = {tag for tag, share in TAGS.items() if chance(rng, share)}
    if houses in there and chance(rng, .8): there.add(road)  # somebody has to get there
    image = Image.new('RGB', (OVERSAMPLE*side,)*2)
    pen = Pen(image, np.eye(2) * OVERSAMPLE*side / 2, (OVERSAMPLE*side / 2,)*2)
    pen.rect(-1, -1, 1, 1, vary(rng, pick(rng, [*GREENS, *EARTHS[:2]]), .1))
    found = [tag for tag in TAGS if tag in there]
    for draw in found: draw(pen, rng)
    return image.reduce(OVERSAMPLE), [draw.__name__ for draw in found]


def tiles(
    path: Path = None,  # folder to make; in the cache if not given
    n: int = 600,       # tiles
    seed: int = 0,      # see `tile`
) -> Path:              # the folder: n pictures, and labels.csv with their names and tags
    """A data set of tiles, drawn at the first call. Each may have several tags, or none.

    Raises `ValueError` for impossible numbers, and `FileExistsError` for a folder of other
    things or other tiles."""
    whole('n', n)
    whole('seed', seed, 0)
    about = json.dumps(dict(version=VERSION, n=int(n), seed=int(seed)))
    own = cache_folder()/f'tiles-v{VERSION}-{n}-s{seed}'
    path = own if path is None else as_path('path', path)
    with one_at_a_time(path):
        if not path.exists():
            with new_folder(path) as draft: _write(draft, n, seed, about)
        elif not (path/ABOUT).exists() or (path/ABOUT).read_text() != about:
            raise FileExistsError(
                f"{path} is there, and does not hold these tiles: name a new folder")
    return path


def _write(folder, n, seed, about):
    def one(index):
        picture, tags = tile(seed, index)
        picture.save(folder/f'tile-{index:05}.png')
        return f'tile-{index:05}', ' '.join(tags)
    rows = in_threads(one, range(n))
    with open(folder/'labels.csv', 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([('image', 'tags'), *rows])
    (folder/ABOUT).write_text(about)


document(__name__)
