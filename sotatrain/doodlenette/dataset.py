"""A picture of Doodlenette, composed as a photograph is, and a data set of them.

Every picture is a small scene: a place, some clutter, an object of one of the ten classes,
sometimes something in front of it, and the faults of a camera.

In every drawing x grows to the right and y grows *downward*, as the rows of an image do. An
object fills about [-1, 1] in both directions, whatever its size in pixels."""
import contextlib
import csv
import errno
import json
import numbers
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from ..core.cache import cache_folder, is_full, new_folder, one_at_a_time
from ..core.content import CONTENT, MARKER, content_of
from ..core.threads import behind_bar
from .objects import (
    cassette_player,
    chain_saw,
    church,
    french_horn,
    garbage_truck,
    gas_pump,
    golf_ball,
    hands,
    parachute,
    springer,
    tench,
)
from .pen import Pen, chance, pick
from .places import (
    curtain,
    forest,
    haze,
    lake,
    meadow,
    open_sky,
    room,
    station,
    street,
    underwater,
    workshop,
)
from .props import IN_FRONT

__all__ = ['CLASSES', 'draw', 'portrait', 'doodlenette']

VERSION = 1  # part of the cache folder's name: raise it whenever the pictures change


class Subject(NamedTuple):
    "A class of the data set."
    name: str
    draw: callable
    homes: list  # the places where it is usually seen; those named twice, twice as often


SUBJECTS = {
    'n01440764': Subject('tench', tench, [underwater, underwater, lake, meadow]),
    'n02102040': Subject('English springer', springer, [meadow, forest, street, room, lake]),
    'n02979186': Subject('cassette player', cassette_player, [room, workshop, street, curtain]),
    'n03000684': Subject('chain saw', chain_saw, [forest, workshop, workshop, meadow]),
    'n03028079': Subject('church', church, [meadow, street, lake]),
    'n03394916': Subject('French horn', french_horn, [curtain, room, haze]),
    'n03417042': Subject('garbage truck', garbage_truck, [street, street, station]),
    'n03425413': Subject('gas pump', gas_pump, [station, station, street]),
    'n03445777': Subject('golf ball', golf_ball, [meadow, meadow, lake, room]),
    'n03888257': Subject('parachute', parachute, [open_sky, open_sky, lake, meadow])}
CLASSES = {wnid: subject.name for wnid, subject in SUBJECTS.items()}
# Two pictures in five are taken in any of these: as in life, the background is a hint, and
# never the answer.
ANYWHERE = [meadow, street, lake, room, forest, haze, curtain, workshop]


# Pictures

OVERSAMPLE = 2  # polygons have jagged edges: draw twice as large, then average 2 x 2 pixels
SPLITS = ['train', 'val', 'portrait']  # a portrait belongs to neither part of the data set
# Width to height: most pictures are landscape, some upright, and few square or very wide
SHAPES = [(4, 3)] * 6 + [(3, 2)] * 4 + [(3, 4)] * 3 + [(2, 3)] * 2 + [(1, 1)] * 2
SHAPES += [(16, 9), (2, 1)]


def draw(
    cls: str,              # a WordNet id or a name of `CLASSES`
    seed: int = 0,         # pictures of different seeds have nothing in common
    index: int = 0,        # number of the picture within its class
    split: str = 'train',  # `'train'` or `'val'`
    side: int = None,      # shorter side, px; as in the data set, 192 to 256, if not given
) -> Image.Image:          # RGB
    """Draw one picture of the data set.

    It depends on (seed, split, cls, index) and on nothing else. Raises `ValueError` for an
    unknown `cls` or `split`, and for a number that is not whole or too small."""
    wnid, rng = _wnid(cls), _generator(seed, split, cls, index)
    if side is not None: _check_whole('side', side, 1, 'give a number of pixels')
    wide, high = pick(rng, SHAPES)
    random_side = int(rng.integers(192, 257))
    scale = (random_side if side is None else side) / min(wide, high)
    image, pen, w, h = _blank(round(wide * scale), round(high * scale))
    _compose(pen, rng, wnid, w, h)
    return _develop(image.reduce(OVERSAMPLE), rng)


def portrait(
    cls: str,         # a WordNet id or a name of `CLASSES`
    side: int = 320,  # width and height, px
    seed: int = 0,    # another seed, another portrait
) -> Image.Image:     # RGB
    """Draw a class alone, whole and centred, in the place where it is at home.

    Raises `ValueError` for an unknown `cls`, and for a number that is not whole or too
    small."""
    wnid, rng = _wnid(cls), _generator(seed, 'portrait', cls, 0)
    _check_whole('side', side, 1, 'give a number of pixels')
    image, pen, w, h = _blank(side, side, oversample=4)
    SUBJECTS[wnid].homes[0](pen, rng, w, h)
    SUBJECTS[wnid].draw(pen.at(0, 0, .8), rng)
    return image.reduce(4)


def _wnid(cls):
    "The WordNet id of `cls`, which is one already or a name."
    for wnid, name in CLASSES.items():
        if cls in (wnid, name): return wnid
    ids, names = list(CLASSES), list(CLASSES.values())
    raise ValueError(f'unknown class {cls!r}: choose one of {ids} or of {names}')


def _check_whole(name, value, least, advice):
    "Raises `ValueError` for anything but a whole number that is not below `least`."
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least: raise ValueError(
        f'{name} must be a whole number not below {least}, not {value!r}: {advice}')


ANY = 'any whole number from 0 up will do'

def _generator(seed, split, cls, index):
    "The source of all that is random in one picture."
    for name, value in (('seed', seed), ('index', index)): _check_whole(name, value, 0, ANY)
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose 'train' or 'val'")
    number = list(CLASSES).index(_wnid(cls))
    return np.random.default_rng([seed, SPLITS.index(split), number, index])


def _blank(width, height, oversample=OVERSAMPLE):
    "An empty image, a pen for it, and half its width and height in the pen's units."
    image = Image.new('RGB', (width * oversample, height * oversample))
    half = min(image.size) / 2
    centre = np.array(image.size) / 2
    return image, Pen(image, np.eye(2) * half, centre), *(centre / half)


def _compose(pen, rng, wnid, w, h):
    "A scene: the place, perhaps a second object, the object, perhaps something in front."
    subject = SUBJECTS[wnid]
    place = pick(rng, ANYWHERE if chance(rng, .4) else subject.homes)
    place(pen, rng, w, h)
    # Half of the fish out of water are shown by an angler, whose arms come from below.
    held = subject.draw is tench and place is not underwater and chance(rng, .5)
    afloat = held or subject.draw is parachute or place in (underwater, haze)
    # An object of size 1 fills the shorter side: let it fill a third of that to nearly all.
    size = rng.uniform(.37, .88)
    x = rng.uniform(-1, 1) * max(w - .8 * size, 0)  # a tenth of its width may be cut off
    y = _height(rng, h, size, held) if afloat else _on_the_ground(rng, h, size)
    # Seldom, for the label has to stay true
    if chance(rng, .15): _companion(pen, rng, wnid, x, size, w, h)
    spot = pen.at(x, y, size, rng.normal(0, 2))  # nobody holds a camera quite straight
    subject.draw(spot, rng)
    if held: hands(spot, rng)
    if chance(rng, .45): pick(rng, IN_FRONT)(pen, rng, w, h)

def _height(rng, h, size, held):
    "Anywhere in the frame; what is held, in its lower half, so that the arms reach it."
    return rng.uniform(0 if held else -1, 1) * (h - .7 * size)

def _on_the_ground(rng, h, size):
    "What stands has its feet at .8 of its size: a little above the frame's lower edge."
    return h - .8 * size - rng.uniform(.05, .4)


def _companion(pen, rng, wnid, x, size, w, h):
    "A smaller object of another class, on the emptier side of the picture."
    other = pick(rng, [c for c in CLASSES if c != wnid])
    side = -1 if x > 0 else 1
    x, y = side * rng.uniform(.55, .8) * w, h - rng.uniform(.5, .8)
    smaller = size * rng.uniform(.35, .5)  # at most half as large as the picture's subject
    SUBJECTS[other].draw(pen.at(x, y, smaller), rng)


# The camera

# Made once, for noise is slow
GRAIN = np.random.default_rng(0).normal(size=(256, 512, 1)).astype(np.float32)


def _develop(image, rng):
    "What a photograph adds to its subject: light, white balance, vignette, focus and grain."
    if chance(rng, .25): image = image.filter(ImageFilter.GaussianBlur(rng.uniform(.4, 1.2)))
    warmth = rng.normal(0, .06)
    exposure = rng.normal(1.05, .1)
    contrast = rng.normal(1, .1)
    light = _light(image.size, rng) * (exposure * contrast)
    tints = 1 + warmth, 1, 1 - warmth
    pixels = np.asarray(image) * np.dstack([light * tint for tint in tints])
    pixels += 128 * (1 - contrast) + rng.uniform(1, 6) * _grain(image.size, rng)
    return Image.fromarray(pixels.clip(0, 255, out=pixels).astype(np.uint8))


def _light(size, rng):
    "How much light reaches each pixel: more on one side than the other, less in the corners."
    x, y = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8))
    slope = rng.normal(0, .07, 2)
    coarse = 1 + slope[0] * x + slope[1] * y - rng.uniform(0, .12) * (x * x + y * y)
    coarse = Image.fromarray(coarse.astype(np.float32))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))


def _grain(size, rng):
    "A window on the sheet of noise, which never ends: after its last row comes its first."
    sides = zip(GRAIN.shape, size[::-1])
    rows, columns = (int(rng.integers(n)) + np.arange(m) for n, m in sides)
    return GRAIN[np.ix_(rows % GRAIN.shape[0], columns % GRAIN.shape[1])]


# The data set

def doodlenette(
    path: Path = None,      # folder of the data set; in `cache_folder()` if not given
    n_train: int = 2000,    # number of training pictures, at least one for each class
    n_val: int = 1000,      # number of validation pictures, at least one for each class
    seed: int = 0,          # another seed, another data set
    workers: int = None,    # processes that draw, 0: this one; one a core up to 8 if not given
    progress: bool = True,  # show a progress bar, if fastprogress is installed
) -> Path:                  # the folder
    """Draw the data set, unless it is there already.

    The folder holds `train/<wnid>/*.JPEG`, `val/<wnid>/*.JPEG` and a table of labels with
    errors, as Imagenette does. It takes its name only once it is complete: a drawing that is
    interrupted leaves nothing there.

    Raises `ValueError` for a bad `n_train`, `n_val`, `seed` or `workers`, `FileExistsError` for
    a `path` that holds something else, `DiskFull` where there is no room, and `RuntimeError`
    when a drawing process fails in another way."""
    _check_numbers(n_train, n_val, seed, workers)
    recipe = dict(version=VERSION, n_train=int(n_train), n_val=int(n_val), seed=int(seed))
    path = _default_folder(**recipe) if path is None else Path(path).expanduser().absolute()
    if not _is_drawn(path, recipe):
        with one_at_a_time(path):
            if not _is_drawn(path, recipe): _draw(path, recipe, workers, progress)
    return path


def _draw(path, recipe, workers, progress):
    with new_folder(path) as folder: _draw_all(folder, recipe, workers, progress)
    _is_drawn(path, recipe)  # a faster process may have drawn something else


def _check_numbers(n_train, n_val, seed, workers):
    "Raises `ValueError` for a number that is not whole, or too small."
    least = len(CLASSES)
    enough = f'ask for {least} pictures or more, so that every class has one'
    _check_whole('n_train', n_train, least, enough)
    _check_whole('n_val', n_val, least, enough)
    _check_whole('seed', seed, 0, ANY)
    if workers is None: return
    choices = 'give 0 to draw in this process, None to let the machine choose'
    _check_whole('workers', workers, 0, choices)


def _default_folder(version, n_train, n_val, seed):
    "Where the data set of this recipe is cached."
    return cache_folder()/f'doodlenette-v{version}-{n_train}-{n_val}-s{seed}'


def _is_drawn(path, recipe):
    "Whether `path` holds this recipe's data set. Raises `FileExistsError` for anything else."
    way_out = 'choose another path, or remove this one'
    if not path.exists() or path.is_dir() and not any(path.iterdir()): return False
    try: found = json.loads((path/MARKER).read_text())
    except (OSError, ValueError): raise FileExistsError(
        f'{path} holds something other than Doodlenette: {way_out}') from None
    if found != recipe: raise FileExistsError(
        f'{path} holds the Doodlenette {found}, not {recipe}: {way_out}')
    return True


def _draw_all(folder, recipe, workers, progress):
    "Draw the data set into `folder`, with a bar that advances at every picture."
    for split in ('train', 'val'):
        for wnid in CLASSES: (folder/split/wnid).mkdir(parents=True)
    if workers is None: workers = min(os.cpu_count() or 1, 8)
    if workers and sys.executable: pictures = _draw_in_processes(folder, recipe, workers)
    else: pictures = _draw_share(folder, recipe)
    total = recipe['n_train'] + recipe['n_val']
    with contextlib.closing(pictures):  # an interrupted generator ends its processes here
        for _ in behind_bar(pictures, total, progress): pass
    _write_noisy_labels(folder, recipe['seed'])
    # by it, a picture that somebody changes later is noticed
    content = content_of(folder, sorted(folder.glob('*/*/*')), remember=False)
    (folder/CONTENT).write_text(content)
    (folder/MARKER).write_text(json.dumps(recipe))


def _draw_share(folder, recipe, worker=0, workers=1):
    "Draw every `workers`-th picture, beginning with number `worker`, and yield after each."
    jobs = [(split, wnid, index) for split in ('train', 'val') for wnid in CLASSES
            for index in range(_count(recipe[f'n_{split}'], wnid))]
    for split, wnid, index in jobs[worker::workers]:
        picture = draw(wnid, recipe['seed'], index, split)
        file = folder/split/wnid/f'{wnid}_{split}_{index:05d}.JPEG'
        picture.save(file, quality=75 + 5 * index % 18)  # 75 to 92, as photographs differ
        yield


def _write_noisy_labels(folder, seed):
    "The table of labels with errors, in Imagenette's columns; validation labels stay right."
    rng = np.random.default_rng([seed, len(SPLITS)])  # a source that no picture uses
    files = sorted(folder.glob('*/*/*.JPEG'))
    true = [file.parent.name for file in files]
    in_train = [i for i, file in enumerate(files) if file.parent.parent.name == 'train']
    noisy = {percent: _spoil(true, in_train, percent, rng) for percent in (0, 1, 5, 25, 50)}
    with open(folder/'noisy_doodlenette.csv', 'w', newline='') as table:
        rows = csv.writer(table)
        rows.writerow(['path', *(f'noisy_labels_{percent}' for percent in noisy), 'is_valid'])
        for i, file in enumerate(files):
            is_valid = file.parent.parent.name == 'val'
            labels = [column[i] for column in noisy.values()]
            rows.writerow([file.relative_to(folder).as_posix(), *labels, is_valid])


def _spoil(labels, candidates, percent, rng):
    "A copy of `labels` in which `percent` of the `candidates` have another class."
    labels = list(labels)
    for i in rng.permutation(candidates)[:round(len(candidates) * percent / 100)]:
        labels[i] = pick(rng, [wnid for wnid in CLASSES if wnid != labels[i]])
    return labels


def _count(n, wnid):
    "How many of `n` pictures show this class: the first ones take what division leaves over."
    return n // len(CLASSES) + (list(CLASSES).index(wnid) < n % len(CLASSES))


def _draw_in_processes(folder, recipe, workers):
    """Draw in `workers` new Python processes, and yield after each picture.

    All of them write to one pipe, a line for each picture. It ends when the last of them does,
    and breaks when this process dies, which ends them too. They run this package, and not the
    caller's script: so neither a script nor a notebook has to protect itself from being run
    again."""
    source, sink = os.pipe()
    children = []
    with open(source) as lines, open(sink, 'w') as ours, tempfile.TemporaryFile('w+') as errors:
        try:
            for worker in range(workers):
                children.append(_start(folder, recipe, worker, workers, ours, errors))
            ours.close()  # the pipe ends once nobody can write to it any more
            for _ in lines: yield
            _check_ends([child.wait() for child in children], errors)
        finally:
            for child in children: _stop(child)


NO_ROOM = 28  # exit status of a drawing process that found the disk full

def _check_ends(statuses, errors):
    "Raises `OSError` if one of the processes found no room, `RuntimeError` if one failed."
    if NO_ROOM in statuses: raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    failures = sum(status != 0 for status in statuses)
    if failures: raise RuntimeError(
        f'{failures} of {len(statuses)} drawing processes failed:\n{_last_lines(errors)}')


def _start(folder, recipe, worker, workers, stdout, stderr):
    "Start the process that draws share number `worker`."
    package = Path(__file__).resolve().parents[2]  # so it need not be installed
    python_path = os.pathsep.join([str(package), *filter(None, [os.environ.get('PYTHONPATH')])])
    order = json.dumps([str(folder), recipe, worker, workers])
    return subprocess.Popen(
        [sys.executable, '-m', 'sotatrain.doodlenette', order],
        cwd=package, env={**os.environ, 'PYTHONPATH': python_path},
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)


def _stop(child):
    "End a process, which may have ended already."
    child.kill()
    child.wait()


def _last_lines(file, n=12):
    "The last `n` lines of an open file."
    file.seek(0)
    return ''.join(file.readlines()[-n:])


def draw_share(folder, recipe, worker, workers):
    "What a drawing process does: its share, and a line on stdout for each picture."
    try:
        for _ in _draw_share(Path(folder), recipe, worker, workers): print(flush=True)
    except OSError as error:
        if not is_full(error): raise
        sys.exit(NO_ROOM)  # a traceback might find no room, either
