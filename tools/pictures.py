"""Draw the book's pictures: `python -m tools.pictures`.

The cover, the icon, and for each chapter the picture it opens with:
`nbs/images/<notebook>.png`."""
import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from PIL import Image, ImageOps

from sotatrain.data import dataset
from sotatrain.doodlenette import CLASSES, draw, portrait
from sotatrain.doodlenette.tiles import tile
from sotatrain.experiment import load_runs

IMAGES = Path(__file__).resolve().parent.parent/'nbs'/'images'
WIDTH, HEIGHT, DPI = 8, 2.2, 120  # of an opening picture; all places below are in inches
BLUE, ORANGE, GREEN = '#224466', '#cc5500', '#117733'  # the first three of the book's style
INK, GRAY = '#222222', '#dddddd'


def main():
    plt.style.use('sotatrain.core.book')
    matplotlib.use('agg')
    IMAGES.mkdir(exist_ok=True)
    cover().save(IMAGES/'cover.png', optimize=True)
    icon().save(IMAGES/'favicon.png', optimize=True)
    for name, picture in OPENINGS.items():
        small = picture().convert('RGB').quantize(256, dither=Image.Dither.NONE)
        small.save(IMAGES/f'{name}.png', optimize=True)


def cover(side=200, gap=8):
    "The ten portraits in two rows, on a transparent ground."
    sheet = Image.new('RGBA', (5*side + 4*gap, 2*side + gap), (0, 0, 0, 0))
    for i, name in enumerate(CLASSES):
        row, column = divmod(i, 5)
        sheet.paste(portrait(name, side), (column * (side+gap), row * (side+gap)))
    return sheet


def icon(side=64, name='golf ball'):
    "One portrait, drawn large, so that shrinking smooths its edges."
    return portrait(name, 4*side).resize((side, side), Image.Resampling.LANCZOS)


# --- what the opening pictures are made of

def canvas():
    "An empty white sheet; its axes measure inches from the lower left corner."
    fig = plt.figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor='white')
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    ax.axis('off')
    return ax


def finish(ax):
    "The sheet as a picture."
    file = io.BytesIO()
    ax.figure.savefig(file, dpi=DPI)
    plt.close(ax.figure)
    return Image.open(file)


def put(ax, picture, x, y, width, height=None):
    "Lay a picture on the sheet, its lower left corner at (x, y)."
    height = height or width
    pixels = picture.resize((round(width*DPI), round(height*DPI)), Image.Resampling.LANCZOS)
    ax.imshow(pixels, extent=(x, x + width, y, y + height), interpolation='none', aspect='auto')
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))  # imshow moved them


def box(ax, x, y, width, height, **style):
    ax.add_patch(Rectangle((x, y), width, height, **style))


def say(ax, x, y, text, size=15, color=INK, **style):
    ax.text(x, y, text, **dict(size=size, color=color, ha='center', va='center') | style)


def arrow(ax, x, y, length=.45):
    style = dict(arrowstyle='-|>,head_width=.35,head_length=.6', color=INK, lw=2.5)
    ax.annotate('', (x + length, y), (x, y), arrowprops=style)


def square(picture, side=240):
    "The largest square in the middle of a picture."
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


# --- one function a chapter

TRAIN = [('tench', 3), ('English springer', 4), ('cassette player', 4), ('chain saw', 8),
         ('church', 3), ('French horn', 1), ('garbage truck', 7), ('gas pump', 2),
         ('golf ball', 2), ('parachute', 6), ('English springer', 6), ('church', 0)]
VALID = [('church', 1), ('gas pump', 3), ('tench', 0), ('parachute', 4)]


def own():
    "Before the chapters: folders of photographs, a wall between people, a bar, a mistake."
    ax = canvas()
    clothes = dataset('clothing')/'train'
    for i, name in enumerate(('hat', 'shoes', 'dress')):
        y = 1.93 - i*.66
        box(ax, .1, y, .5, .12, fc=ORANGE)
        box(ax, .1, y - .38, .95, .42, fc=ORANGE)
        say(ax, .57, y - .17, name, 12, color='white')
        for j, file in enumerate(sorted((clothes/name).iterdir())[6:9]):
            left = 1.25 + j*.6 + (.75 if j == 2 else 0)
            put(ax, square(Image.open(file)), left, y - .42, .54)
    bricks(ax, 2.58, .2, .42, 1.86)
    arrow(ax, 3.95, 1.15)
    box(ax, 4.75, .95, 1.5, .42, fc=GRAY)
    box(ax, 4.75, .95, 1.2, .42, fc=BLUE)
    ax.errorbar([5.95], [1.16], xerr=[.16], color=INK, capsize=6, lw=2.5, capthick=2.5)
    say(ax, 5.5, .68, 'right: 80 ± 8 %', 13)
    put(ax, square(Image.open(sorted((clothes/'shirt').iterdir())[4])), 6.85, .78, .9)
    say(ax, 7.3, .5, 'dress? No.', 13)
    return finish(ax)


def wall():
    "Chapter 1: training pictures, a wall, validation pictures."
    ax, side, step = canvas(), .83, .89
    for split, left, drawings in (('train', .1, TRAIN), ('val', 6.14, VALID)):
        for i, (name, index) in enumerate(drawings):
            column, row = divmod(i, 2)
            picture = square(draw(name, split=split, index=index))
            put(ax, picture, left + column*step, .42 + row*step, side)
    bricks(ax, 5.5, .4, .56, 1.76)
    say(ax, .1 + 3*step, .2, 'to train on')
    say(ax, 6.14 + step, .2, 'to check with')
    return finish(ax)


def bricks(ax, x, y, width, height, rows=9):
    "A wall: whole bricks in one row, halves at the ends of the next."
    high = height / rows
    for row in range(rows):
        edges = [0, .5, 1] if row % 2 else [0, .25, .75, 1]
        for left, right in zip(edges, edges[1:]):
            box(ax, x + left*width, y + row*high, (right-left)*width, high,
                fc=ORANGE, ec='white', lw=2)


WINDOWS = [  # middle and height, in heights of the picture; a turn in degrees; color and line
    ((.62, .52, .80, -9), ORANGE, '-'),
    ((.38, .58, .55, 12), '#ffcc33', (0, (3, 1))),
    ((1.0, .60, .62, 0), BLUE, (0, (1, .7)))]


def crops():
    "Chapter 2: a picture, the same picture as a square, and crops of the square."
    ax, high = canvas(), 1.5
    picture = draw('garbage truck', index=7, side=480)
    wide = high * picture.width / picture.height
    put(ax, picture, .1, .5, wide, high)
    put(ax, picture, .72 + wide, .5, high, high)
    for x in (.2, .82 + high): arrow(ax, x + wide, 1.25, .42)
    for x, text in ((.1 + wide/2, 'picture'), (.72 + wide + high/2, 'square'), (6.38, 'crops')):
        say(ax, x, .22, text)
    for i, (window, color, line) in enumerate(WINDOWS):
        style = dict(fc='none', ec=color, lw=2.5, ls=line)
        quad = corners(window, picture.size)
        on_square = quad / picture.size * (high, -high) + (.72 + wide, .5 + high)
        ax.add_patch(Polygon(on_square, **style))
        crop = picture.transform((240, 240), Image.Transform.QUAD, quad.flatten().tolist(),
                                 Image.Resampling.BICUBIC)
        put(ax, crop, 4.86 + i*1.04, .75, .98)
        box(ax, 4.88 + i*1.04, .77, .94, .94, **style)
    return finish(ax)


def corners(window, size):
    "Corners of a turned square window, in pixels, counterclockwise from the upper left one."
    x, y, high, degrees = window
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    unit = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    return size[1] * (unit * high/2 @ rotation.T + (x, y))


def runs():
    "Chapter 3: accuracies of two recipes, from the stored runs."
    ax = inset(canvas(), 2.0, .62, 5.8, 1.5)
    names = {'baseline': 'our loader', 'DataBlock': "fastai's loader"}
    for y, (name, color, marker) in enumerate(zip(names, (BLUE, ORANGE), 'os')):
        stored = [run for run in load_runs('learner-64') if run.recipe.name == name]
        accuracies = [100*run.accuracy for run in stored]
        ax.plot([min(accuracies), max(accuracies)], [y, y], color=color, lw=18, alpha=.2,
                solid_capstyle='round')
        ax.plot(accuracies, [y] * len(accuracies), marker, color=color, ms=13, mec='white')
    ax.set(ylim=(-.6, 1.6), xlim=(76, 77.6), xticks=[76, 76.5, 77, 77.5])
    ax.set_yticks([0, 1], names.values(), size=15)
    ax.set_xlabel('accuracy, % (a mark is one run)', size=15)
    ax.tick_params(labelsize=15, length=0)
    ax.spines['left'].set_visible(False)
    return finish(ax)


def inset(ax, x, y, width, height):
    "Axes for a plot on the sheet, placed in inches."
    return ax.figure.add_axes((x/WIDTH, y/HEIGHT, width/WIDTH, height/HEIGHT))


CHANNELS = ('red', ORANGE, '-'), ('green', GREEN, '--'), ('blue', BLUE, ':')


def channels():
    "Chapter 4: values of the three channels, before and after normalization."
    sheet = canvas()
    drawings = [square(draw(name, index=i), 64) for name in CLASSES for i in range(8)]
    values = np.stack(drawings).reshape(-1, 3).T / 255
    normalized = (values - values.mean(1, keepdims=True)) / values.std(1, keepdims=True)
    for x, rows, title in ((.15, values, 'before'), (4.45, normalized, 'after')):
        ax = inset(sheet, x, .4, 3.4, 1.75)
        for row, (name, color, style) in zip(rows, CHANNELS):
            density, edges = np.histogram(row, 50, (-2.6, 2.6), density=True)
            ax.stairs(density, edges, fill=True, color=color, alpha=.1)
            ax.stairs(density, edges, color=color, ls=style, lw=2.5, label=name)
        ax.axvline(0, color=INK, lw=1)
        ax.set(xlim=(-2.6, 2.6), ylim=(0, 2.2), xticks=[-2, -1, 0, 1, 2], yticks=[])
        ax.tick_params(labelsize=14)
        ax.spines['left'].set_visible(False)
        ax.text(-2.5, 1.8, title, size=16)
        if title == 'before': ax.legend(fontsize=13, loc=(0, .3), frameon=False)
    arrow(sheet, 3.75, 1.2, .6)
    say(sheet, 4.0, 1.45, '− mean')
    say(sheet, 4.0, .95, '÷ sd')
    return finish(sheet)


def growing():
    "Chapter 5: one drawing at three sizes, pixel for pixel."
    ax, x = canvas(), .97
    drawing = portrait('English springer', 384)
    for pixels, side in ((32, .5), (64, 1), (112, 1.75)):
        small = drawing.resize((pixels, pixels), Image.Resampling.BOX)
        put(ax, small.resize((480, 480), Image.Resampling.NEAREST), x, .4, side)
        say(ax, x + side/2, .2, f'{pixels} px')
        if pixels < 112: arrow(ax, x + side + .35, .4 + side/2 + .1, .7)
        x += side + 1.4
    return finish(ax)


def views():
    "Chapter 6: one drawing, four views of it, the answers, and their mean."
    ax, side, answers = canvas(), .92, (91, 84, 62, 79)
    drawing = draw('garbage truck', index=7, side=480)
    put(ax, drawing, .1, .5, 1.9, 1.425)
    arrow(ax, 2.08, 1.2, .4)
    whole = square(drawing)
    cut = [part(drawing, *window) for window in ((.35, .12, .75), (.1, .3, .7))]
    for i, (view, answer) in enumerate(zip([whole, ImageOps.mirror(whole), *cut], answers)):
        x = 2.6 + i * (side+.08)
        put(ax, view, x, 1.0, side)
        bar(ax, x, .62, side, answer)
    arrow(ax, 6.62, .74, .3)
    bar(ax, 7.0, .62, side, sum(answers)/len(answers), color=ORANGE)
    say(ax, 7.46, 1.05, 'mean')
    return finish(ax)


def part(picture, left, top, side):
    "A square part; all three in heights of the picture."
    box = np.array([left, top, left + side, top + side]) * picture.height
    return picture.crop(box.astype(int).tolist())


def bar(ax, x, y, width, percent, color=BLUE):
    "An answer: how much of the bar is filled, and the number below."
    box(ax, x, y, width, .24, fc=GRAY)
    box(ax, x, y, width * percent/100, .24, fc=color)
    say(ax, x + width/2, y - .24, f'{percent:.0f} %')


def blend(share, side=480):
    "So much church, and the rest gas pump."
    return Image.blend(portrait('gas pump', side), portrait('church', side), share)


def blends():
    "Chapter 7: church, gas pump, and what is between them."
    ax, side = canvas(), 1.46
    for i, share in enumerate((1, .75, .5, .25, 0)):
        x = .15 + i * (side+.1)
        put(ax, blend(share), x, .69, side)
        box(ax, x, .44, side, .2, fc=ORANGE)
        box(ax, x, .44, side * share, .2, fc=BLUE)
        mixed = f'{100*share:.0f} : {100 - 100*share:.0f}'
        text = {1: 'church', 0: 'gas pump'}.get(share, mixed)
        say(ax, x + side/2, .2, text)
    return finish(ax)


def targets():
    "Chapter 8: a one-hot target beside a smoothed one."
    ax, step, names = canvas(), .38, list(CLASSES.values())
    right = names.index('church')
    for left, high, low in ((.1, 1, 0), (4.15, .91, .01)):
        for i, name in enumerate(names):
            x, value = left + i*step, high if i == right else low
            put(ax, portrait(name, 120), x, .05, .34)
            box(ax, x + .05, .46, .24, 1.35 * value, fc=BLUE if i == right else ORANGE)
        say(ax, left + right*step + .17, 1.97, f'{high:.2f}' if low else '1')
        say(ax, left + 8*step, .65, f'{low:.2f} each' if low else '0 each')
        ax.plot([left, left + 10*step - .04], [.45, .45], color=INK, lw=1)
    return finish(ax)


def stack():
    "Chapter 9: small pictures grow, a stack of plain blocks, and a curve that climbs."
    ax = canvas()
    for i, (side, name) in enumerate(((.5, 'church'), (.75, 'gas pump'), (1.05, 'parachute'))):
        put(ax, portrait(name, 160), .12 + i*.85, .95 - side/2, side)
    arrow(ax, 2.95, .95)
    for i, height in enumerate((1.5, 1.25, 1., .75, .5)):
        box(ax, 3.45 + i*.38, .95 - height/2, .28, height, fc=BLUE)
    arrow(ax, 5.5, .95)
    x = np.linspace(0, 1.7, 60)
    ax.plot(6.0 + x, .3 + 1.25 * (1 - np.exp(-2.2*x)), color=ORANGE, lw=5)
    ax.plot([5.95, 5.95, 7.8], [1.75, .22, .22], color=INK, lw=2)
    return finish(ax)


def borrowed():
    "Chapter 10: layers that are kept, a list of numbers for each picture, one new layer."
    ax = canvas()
    for i, name in enumerate(('church', 'gas pump')):
        put(ax, portrait(name, 160), .12, 1.0 - i*.82, .74)
    arrow(ax, 1.0, .95)
    for i in range(5): box(ax, 1.55 + i*.42, .3, .32, 1.3, fc=BLUE)
    box(ax, 2.36, .78, .5, .4, fc='white', ec=INK, lw=2.5)  # a lock
    ax.plot([2.48, 2.48, 2.61, 2.74, 2.74], [1.18, 1.36, 1.44, 1.36, 1.18], color=INK, lw=3)
    arrow(ax, 3.7, .95)
    rng = np.random.default_rng(3)
    for row in range(2):
        for i, shade in enumerate(rng.random(9)):
            box(ax, 4.25 + i*.16, 1.05 - row*.5, .15, .3, fc=str(round(1 - .8*shade, 2)))
    arrow(ax, 5.8, .95)
    box(ax, 6.35, .3, .32, 1.3, fc=ORANGE)
    say(ax, 7.25, 1.2, 'church', 14)
    say(ax, 7.25, .7, 'gas pump', 14)
    return finish(ax)


def typed():
    "Chapter 11: rows of a table, one of them with a gap; a wall; several tags; a threshold."
    ax = canvas()
    for row in range(6):
        y = 1.75 - row*.29
        for column, wide in enumerate((1.05, .62)):
            gap = (row, column) == (3, 1)
            box(ax, .1 + column*1.1, y, wide, .22, fc='white' if gap else GRAY,
                ec=ORANGE if gap else GRAY, lw=2.5, ls='--' if gap else '-')
    bricks(ax, 2.1, .3, .4, 1.68)
    put(ax, tile(0, 2, 256)[0], 2.85, .55, 1.2)
    for i, name in enumerate(('fields', 'forest', 'houses')):
        y = 1.6 - i*.42
        box(ax, 4.2, y - .16, 1.2, .32, fc=GREEN)
        say(ax, 4.8, y, name, 13, color='white')
    say(ax, 3.45, .3, 'several labels')
    for i, high in enumerate((.25, .6, .9, .42, .75)):
        box(ax, 5.85 + i*.38, .55, .26, high*1.4, fc=BLUE if high > .5 else GRAY)
    ax.plot([5.7, 7.8], [1.27, 1.27], color=ORANGE, lw=3, ls='--')
    say(ax, 6.75, .3, 'a threshold')
    return finish(ax)


def question():
    "Chapter 12: a question, its options with one ticked, and the answer."
    ax = canvas()
    put(ax, blend(.5), .1, .22, 1.76)
    say(ax, 2.1, 1.83, 'Half church, half gas pump. The label?', 17, ha='left')
    for i, option in enumerate(('half of each', 'gas pump', 'church')):
        y = .34 + i*.46
        box(ax, 2.12, y - .12, .24, .24, fc='white', ec=INK, lw=2)
        say(ax, 2.55, y, option, ha='left')
    ax.plot([2.16, 2.23, 2.40], [.36, .26, .52], color=GREEN, lw=5, solid_capstyle='round')
    bubble = FancyBboxPatch((4.75, .3), 3.0, 1.0, 'round,pad=.08,rounding_size=.12',
                            fc='#e8f2ea', ec=GREEN, lw=2.5)
    ax.add_patch(bubble)
    say(ax, 6.25, .8, 'Right: labels are blended\nlike the pictures.')
    return finish(ax)


def cards():
    "Appendix: the ten portraits, laid out like photographs on a table."
    sheet = Image.new('RGB', (2*960, 2*264), 'white')
    tilts = np.random.default_rng(4).uniform(-7, 7, len(CLASSES))
    for i, (name, tilt) in enumerate(zip(CLASSES.values(), tilts)):
        card = ImageOps.expand(ImageOps.expand(portrait(name, 250), 14, 'white'), 2, '#bbbbbb')
        card = card.convert('RGBA').rotate(tilt, Image.Resampling.BICUBIC, expand=True)
        sheet.paste(card, (10 + i*178, 20 + i % 2 * 190), card)
    return sheet.resize((960, 264), Image.Resampling.LANCZOS)


def pieces():
    "Appendix: from the stored square over a crop and a blend to network and loss, and back."
    ax = canvas()
    picture = portrait('church', 240)
    crop = picture.crop((40, 60, 200, 220))
    for i, (shown, name) in enumerate(
            ((picture, 'square'), (crop, 'crop'), (blend(.6), 'blend'), (None, 'network'),
             (None, 'loss'))):
        x = .15 + i*1.62
        if shown: put(ax, shown, x, .55, 1.1)
        else: box(ax, x, .55, 1.1, 1.1, fc=BLUE if name == 'network' else ORANGE)
        say(ax, x + .55, .25, name)
        if i: arrow(ax, x - .48, 1.1)
    ax.annotate('', (5.56, 1.72), (7.18, 1.72), arrowprops=dict(
        arrowstyle='-|>', color=INK, lw=3, connectionstyle='arc3,rad=.35', mutation_scale=22))
    return finish(ax)


def struck():
    "Appendix: epochs with checkpoints, a strike, the way on; and a model's folder."
    ax, y = canvas(), 1.25
    for i in range(5):
        x = .35 + i*1.02
        lost = i == 2
        ax.plot([x, x + .72], [y, y], color=GRAY if lost else BLUE, lw=9, ls='-',
                solid_capstyle='butt')
        if not lost: box(ax, x + .74, y - .17, .2, .34, fc=GREEN)
    bolt = [(2.86, 2.12), (2.55, 1.5), (2.74, 1.5), (2.6, 1.05), (3.0, 1.66), (2.8, 1.66)]
    ax.add_patch(Polygon(bolt, fc=ORANGE, ec='white', lw=1.5))
    ax.annotate('', (3.42, y - .28), (2.2, y - .28), arrowprops=dict(
        arrowstyle='-|>', color=INK, lw=3, connectionstyle='arc3,rad=.45', mutation_scale=22))
    say(ax, 2.8, .25, 'on from the last checkpoint')
    arrow(ax, 5.5, y)
    for i, name in enumerate(('weights', 'facts', 'card')):
        box(ax, 6.15, 1.62 - i*.55, 1.65, .44, fc='white', ec=INK, lw=2)
        say(ax, 6.97, 1.84 - i*.55, name)
    return finish(ax)


OPENINGS = {
    '00_your_photos': own,
    '01_data': wall,
    '02_presize': crops,
    '03_learner': runs,
    '04_normalize': channels,
    '05_resizing': growing,
    '06_tta': views,
    '07_mixup': blends,
    '08_smoothing': targets,
    '09_sota': stack,
    '10_transfer': borrowed,
    '11_tables': typed,
    '12_questionnaire': question,
    'A1_doodlenette': cards,
    'A2_pieces': pieces,
    'A3_runs': struck}

if __name__ == '__main__': main()
