"""The ten objects. Each fills about [-1, 1]; those that stand have their feet at y = .8.

A function that draws takes a pen and a random generator."""
from typing import NamedTuple

import numpy as np

from .pen import (
    CREAM,
    GLASS,
    INK,
    METAL,
    PAINTS,
    RUBBER,
    SKIN,
    STEEL,
    WHITE,
    WOOD,
    across,
    arc,
    band,
    blob,
    box,
    chance,
    curve,
    dim,
    down,
    lit,
    mix,
    pick,
    vary,
)
from .props import bush, tuft

# Tench

def tench(pen, rng):
    "A stout olive fish with rounded fins, small scales, and small red eyes."
    back = vary(rng, pick(rng, [(84, 88, 44), (70, 84, 52), (104, 92, 46)]))
    belly = vary(rng, pick(rng, [(206, 176, 92), (190, 164, 104), (214, 160, 80)]))
    pen = pen.at(0, 0, flip=chance(rng, .5))
    _fins(pen, dim(back, .2), mix(back, belly, .35))
    body = blob((-.94, .06), (-.72, -.17), (-.3, -.36), (.1, -.33), (.5, -.17), (.72, -.1),
                (.72, .1), (.45, .2), (0, .36), (-.42, .34), (-.76, .22))
    pen.fill(body, down(back, belly))
    _scales(pen, back, belly)
    pen.fill(blob((-.7, -.13), (-.3, -.31), (.1, -.28), (.5, -.13), (.1, -.2), (-.3, -.23)),
             lit(belly, .5), .3)
    _tench_head(pen, back, belly)
    pen.fill(blob((-.44, .14), (-.24, .16), (-.14, .36), (-.24, .42), (-.38, .3)),
             down(dim(back, .1), dim(back, .5)))

def _fins(pen, dark, light):
    tail = blob((.62, -.1), (.8, -.26), (.97, -.3), (.94, 0), (.97, .3), (.8, .26), (.62, .1),
                n=4)
    dorsal = blob((-.14, -.3), (-.02, -.54), (.14, -.6), (.26, -.48), (.36, -.2))
    for fin in (tail, dorsal, blob((.2, .28), (.26, .46), (.4, .46), (.46, .16)),
                blob((-.1, .3), (-.04, .52), (.1, .52), (.12, .3))):
        pen.fill(fin, across(dark, light))
    for y in (-.2, -.1, 0, .1, .2): pen.line([(.7, y * .5), (.93, y * 1.2)], .012, dark)
    for x in (0, .08, .16, .24): pen.line([(x, -.3), (x + .03, -.52)], .012, dark)

def _scales(pen, back, belly):
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-.42, .66, .085),
                                                 np.arange(-.24, .25, .08)))
    x = x + .0425 * (np.round(y / .08) % 2)
    inside = abs(y) < .3 - .32 * np.maximum(x - .05, 0)
    for cx, cy in zip(x[inside], y[inside]):
        pen.fill(band(arc(cx, cy, .045, start=-70, stop=70, n=4), .012),
                 dim(mix(back, belly, .35 + cy), .25))

def _tench_head(pen, back, belly):
    pen.line(curve((-.5, -.24), (-.4, -.08), (-.4, .1), (-.5, .26)), .025, dim(back, .35))
    pen.line([(-.93, .07), (-.8, .11)], .025, dim(back, .5))
    pen.line(curve((-.84, .12), (-.85, .2), (-.81, .25)), .022, dim(back, .3))  # the barbel
    pen.disc(-.7, -.03, .065, lit(belly, .2))
    pen.disc(-.7, -.03, .05, (196, 74, 40))
    pen.disc(-.7, -.03, .028, INK)
    pen.disc(-.72, -.05, .014, WHITE)


def hands(pen, rng):
    "The hands of an angler who shows the catch, to be drawn over a tench."
    skin, sleeve = pick(rng, SKIN), vary(rng, pick(rng, PAINTS))
    for x, lean in ((-.2, -.3), (.42, .3)):
        pen.line([(x + lean * 2, 4), (x + lean * .3, .62)], .34, sleeve)
        pen.line([(x + lean * .35, .68), (x, .36)], .24, dim(skin, .1))
        for i in range(4):
            pen.line([(x - .14 + .09 * i, .4), (x - .13 + .09 * i, .17 + .02 * (i % 3))], .085,
                     mix(skin, dim(skin), i / 5))


# English springer

COATS = [(112, 62, 36), (88, 46, 30), (46, 40, 44), (136, 80, 46)]


def springer(pen, rng):
    "A spaniel, its head from the front or the whole dog from the side."
    coat = vary(rng, pick(rng, COATS), .05)
    pen = pen.at(0, 0, flip=chance(rng, .5))
    if chance(rng, .5): _springer_head(pen, coat, rng)
    else: _springer_body(pen, coat)

def _springer_head(pen, coat, rng):
    fur = CREAM
    pen.fill(blob((-.4, .3), (-.62, .8), (-.66, 1.02), (.66, 1.02), (.62, .8), (.4, .3)),
             down(dim(fur, .25), fur))
    for side in (-1, 1): _long_ear(pen.at(0, 0, flip=side > 0), coat)
    pen.fill(blob((-.42, -.5), (0, -.74), (.42, -.5), (.48, -.1), (.34, .3), (0, .5),
                  (-.34, .3), (-.48, -.1)),
             down(lit(coat, .15), dim(coat, .1)))
    pen.fill(blob((-.07, -.72), (.07, -.72), (.1, -.2), (.33, .14), (.3, .42), (0, .6),
                  (-.3, .42), (-.33, .14),
                  (-.1, -.2)),
             down(fur, dim(fur, .12)))
    for side in (-1, 1): _springer_eye(pen.at(.25 * side, -.14), coat)
    _muzzle(pen, coat, panting=chance(rng, .5))

def _long_ear(pen, coat):
    pen.fill(blob((-.3, -.6), (-.62, -.56), (-.84, -.1), (-.9, .34), (-.74, .66), (-.6, .5),
                  (-.5, .68), (-.4, .3),
                  (-.42, -.2)),
             down(lit(coat, .12), dim(coat, .3)))
    for i in range(4):  # waves of the coat
        x = -.8 + .1 * i
        pen.line(curve((x + .12, -.3), (x, 0), (x + .07, .24), (x, .5)), .03,
                 lit(coat, .25) if i % 2 else dim(coat, .35), .6)

def _springer_eye(pen, coat):
    pen.disc(0, 0, .11, dim(coat, .5), .09)
    pen.disc(0, 0, .085, (120, 72, 34), .08)
    pen.disc(0, 0, .05, INK)
    pen.disc(-.03, -.03, .022, WHITE)
    pen.line(curve((-.12, -.1), (0, -.16), (.12, -.1)), .035, dim(coat, .3))

def _muzzle(pen, coat, panting):
    if panting:
        pen.fill(blob((-.1, .42), (.1, .42), (.11, .68), (0, .76), (-.11, .68)),
                 down((190, 84, 92), (232, 134, 136)))
    for side in (-1, 1):
        pen.line(curve((0, .3), (.1 * side, .42), (.26 * side, .4)), .03, dim(coat, .5))
        for x, y in ((.14, .24), (.2, .31), (.23, .22)): pen.disc(x * side, y, .014, coat)
    pen.line([(0, .2), (0, .32)], .03, dim(coat, .5))
    pen.fill(blob((-.16, .03), (0, 0), (.16, .03), (.1, .16), (0, .21), (-.1, .16)),
             down((74, 58, 58), (30, 24, 28)))
    pen.disc(-.05, .06, .035, lit(INK, .45), .018)

def _springer_body(pen, coat):
    "The whole dog, standing, looking to the left."
    fur, far = CREAM, dim(CREAM, .25)
    pen.shadow(0, .8, .8)
    for x in (-.36, .44): _leg(pen, x, far)
    # the tail
    pen.line(curve((.6, -.08), (.76, -.2), (.86, -.34)), np.linspace(.14, .07, 13),
             dim(coat, .1))
    body = blob((-.6, -.2), (-.3, -.2), (.3, -.18), (.64, -.12), (.7, .14), (.54, .36),
                (.1, .3), (-.3, .44),
                (-.58, .3))
    pen.fill(body, down(fur, dim(fur, .3)))
    for x, rx, ry in ((-.1, .2, .15), (.42, .24, .2)): _patch(pen, x, -.02, rx, ry, coat)
    for x in (-.5, .56): _leg(pen, x, fur)
    fringe = [(x, .36 - .1 * x + .05 * (i % 2)) for i, x in enumerate(np.linspace(-.5, .5, 12))]
    pen.fill(blob((.5, .1), (-.5, .1), *fringe, n=3), down(fur, dim(fur, .3)))
    pen.fill(blob((-.72, -.5), (-.4, -.5), (-.26, -.1), (-.44, .24), (-.66, .16), (-.7, -.1)),
             down(fur, dim(fur, .15)))
    _side_head(pen, coat, fur)

def _leg(pen, x, fur):
    pen.line(curve((x, .1), (x + .02, .42), (x - .01, .7)), np.linspace(.24, .11, 13), fur)
    pen.fill(blob((x + .06, .2), (x + .15, .42), (x + .1, .5), (x + .12, .58), (x + .03, .68),
                  n=3), dim(fur, .1))
    pen.fill(blob((x - .12, .74), (x, .67), (x + .07, .72), (x + .07, .8), (x - .12, .8)),
             dim(fur, .08))

def _patch(pen, x, y, rx, ry, coat):
    edge = arc(0, 0, 1, n=11, stop=330)
    edge *= (1 + .14 * np.sin(np.arange(11) * 2.4))[:, None]
    pen.fill(blob(*(edge * (rx, ry) + (x, y))), down(coat, dim(coat, .25)))

def _side_head(pen, coat, fur):
    skull = blob((-.36, -.62), (-.56, -.8), (-.74, -.68), (-.8, -.52), (-.98, -.44),
                 (-.98, -.3), (-.8, -.25),
                 (-.5, -.26))
    blaze = blob((-.68, -.74), (-.62, -.76), (-.74, -.5), (-.68, -.27), (-.84, -.25),
                 (-.99, -.31), (-.99, -.43),
                 (-.82, -.52))
    ear = blob((-.5, -.7), (-.36, -.66), (-.24, -.3), (-.26, -.02), (-.4, .06), (-.5, -.14),
               (-.54, -.44))
    pen.fill(skull, down(coat, dim(coat, .15)))
    pen.fill(blaze, fur)
    pen.fill(ear, down(lit(coat, .15), dim(coat, .35)))
    pen.line(curve((-.4, -.5), (-.36, -.3), (-.4, -.08)), .03, dim(coat, .3))
    pen.disc(-.97, -.42, .055, INK, .05)
    pen.disc(-.67, -.56, .04, INK)
    pen.disc(-.68, -.575, .014, WHITE)
    pen.line([(-.96, -.32), (-.76, -.31)], .02, dim(coat, .4))


# Cassette player

def cassette_player(pen, rng):
    "A boombox, or a walkman with its headphones."
    shell = vary(rng, pick(rng, [*PAINTS, METAL, STEEL, RUBBER]))
    if chance(rng, .6): _boombox(pen, shell, rng)
    else: _walkman(pen, shell, vary(rng, pick(rng, PAINTS)))

def _boombox(pen, shell, rng):
    pen.shadow(0, .56, 1.1, .1)
    pen.line(curve((-.68, -.4), (-.66, -.66), (-.5, -.72), (.5, -.72), (.66, -.66), (.68, -.4)),
             .09, dim(shell, .45))
    if chance(rng, .6): pen.line([(.8, -.42), (.98, -1)], .03, METAL)
    pen.rect(-1, -.44, 1, .56, dim(shell, .5), .1)
    pen.rect(-1, -.46, 1, .5, down(lit(shell, .2), dim(shell, .2)), .1)
    pen.rect(-.94, -.38, .94, -.16, down(RUBBER, lit(RUBBER, .2)), .04)
    pen.rect(-.56, -.33, .34, -.21, (216, 204, 160), .02)
    for x in np.linspace(-.5, .28, 12): pen.line([(x, -.31), (x, -.27)], .012, INK)
    pen.line([(-.1, -.33), (-.1, -.21)], .02, (210, 60, 50))
    for x in (.5, .66, .82): pen.ball(x, -.27, .065, STEEL, lit(METAL, .6), 5)
    for x in (-.62, .62): _speaker(pen.at(x, .17, .34))
    _tape_door(pen.at(0, .12, .27))
    for i in range(5):
        pen.rect(-.25 + .1 * i, .36, -.17 + .1 * i, .45, down(lit(METAL, .5), STEEL), .015)

def _speaker(pen):
    pen.disc(0, 0, 1, across(lit(METAL, .4), STEEL))
    pen.disc(0, 0, .9, RUBBER)
    pen.ball(0, 0, .74, (36, 38, 46), (104, 108, 120), 6)
    pen.disc(0, 0, .48, (52, 54, 62))
    pen.ball(0, 0, .28, STEEL, lit(METAL, .6), 5)

def _tape_door(pen):
    pen.rect(-1, -.8, 1, .62, across(lit(STEEL, .1), dim(STEEL, .4)), .1)
    _cassette(pen.at(0, -.08, .8), CREAM)
    # a reflection on the door
    pen.fill([(-.9, .5), (-.2, -.7), (.2, -.7), (-.5, .5)], WHITE, .18)

def _cassette(pen, label):
    pen.rect(-1, -.64, 1, .64, RUBBER, .1)
    pen.rect(-.86, -.52, .86, .3, label, .08)
    pen.rect(-.86, -.2, .86, -.08, (206, 90, 60))
    pen.rect(-.58, -.16, .58, .2, dim(STEEL, .5), .16)
    for x in (-.36, .36):
        pen.disc(x, .02, .17, WHITE)
        pen.disc(x, .02, .08, INK)
        for spoke in arc(x, .02, .15, stop=240, n=3): pen.line([(x, .02), spoke], .05, INK)
    pen.fill([(-.5, .62), (-.42, .4), (.42, .4), (.5, .62)], dim(STEEL, .3))

def _walkman(pen, shell, trim):
    pen.shadow(0, .8, .7, .1)
    # the cable
    pen.line(curve((.2, -.7), (.3, -.98), (.66, -.94), (.86, -.4), (.7, .1), (.86, .5)), .03,
             INK)
    pen.rect(-.56, -.72, .6, .82, dim(shell, .5), .1)
    pen.rect(-.6, -.72, .54, .78, across(lit(shell, .2), dim(shell, .15)), .1)
    pen.rect(-.6, -.46, .54, -.4, dim(shell, .35))
    for i in range(4):
        pen.rect(-.5 + .25 * i, -.78, -.31 + .25 * i, -.7, down(lit(METAL, .5), STEEL), .02)
    pen.rect(-.48, -.64, .06, -.53, trim, .02)
    pen.disc(.36, -.58, .05, (220, 80, 50))
    pen.rect(-.5, -.3, .44, .62, dim(shell, .4), .06)
    _cassette(pen.at(-.03, .16, .42, 90), CREAM)
    # the headphones
    for x, y in ((.86, .5), (.62, .66)): pen.ball(x, y, .15, dim(trim, .3), lit(trim, .3), 6)


# Chain saw

SHELLS = [(232, 110, 40), (214, 58, 46), (240, 178, 44), (70, 134, 74), (60, 104, 160)]


def chain_saw(pen, rng):
    "A motor in a bright shell, two handles, and the long toothed bar."
    shell = vary(rng, pick(rng, SHELLS), .06)
    pen = pen.at(0, 0, angle=rng.uniform(-15, 15), flip=chance(rng, .5))
    pen.shadow(-.3, .52, .7, .09, .45)
    _guide_bar(pen, length=rng.uniform(.85, 1))
    _saw_handles(pen)
    body = blob((-.62, -.2), (-.4, -.3), (-.02, -.28), (.1, -.1), (.14, .3), (.06, .46),
                (-.5, .46), (-.64, .3), n=4)
    pen.fill(body, down(lit(shell, .25), dim(shell, .3)))
    pen.fill(blob((-.56, -.2), (-.4, -.26), (-.04, -.24), (.02, -.14), (-.3, -.18)), WHITE, .35)
    _starter(pen.at(-.3, .13, .25), shell)
    pen.rect(-.56, .39, .1, .5, down(STEEL, RUBBER), .04)
    pen.line([(.07, -.16), (.16, -.5)], .07, RUBBER)  # the hand guard
    pen.line(curve((-.42, -.3), (-.42, -.56), (-.24, -.62), (-.02, -.56), (.02, -.28)), .075,
             RUBBER)
    pen.disc(-.02, 0, .05, STEEL)

def _guide_bar(pen, length):
    bar = np.concatenate([arc(length - .12, .16, .13, start=-90, stop=90, n=10),
                          [(0, .3), (0, .02)]])
    pen.line(bar, .045, dim(STEEL, .45))
    rim = np.concatenate([[(x, 0) for x in np.arange(.16, length - .1, .085)],
                          arc(length - .12, .16, .16, start=-80, stop=80, n=6),
                          [(x, .32) for x in np.arange(length - .16, .14, -.085)]])
    for x, y in rim: pen.rect(x - .028, y - .03, x + .02, y + .03, dim(STEEL, .5))
    pen.fill(bar, down(lit(METAL, .55), METAL))
    pen.line([(.2, .16), (length - .2, .16)], .03, STEEL)
    pen.disc(length - .12, .16, .03, STEEL)

def _saw_handles(pen):
    loop = curve((-.56, -.14), (-.8, -.24), (-.97, -.1), (-.97, .2), (-.84, .4), (-.56, .36))
    pen.line(loop, .13, RUBBER)
    pen.line(loop - .02, .03, lit(RUBBER, .25))
    pen.line([(-.76, -.08), (-.74, .04)], .04, (206, 60, 44))  # the trigger

def _starter(pen, shell):
    pen.disc(0, 0, 1, dim(shell, .35))
    pen.ball(0, 0, .88, dim(shell, .12), lit(shell, .2), 5)
    for a in range(0, 360, 40):
        pen.line(arc(0, 0, .66, start=a, stop=a + 22, n=4), .12, dim(RUBBER, .2))
    pen.disc(0, 0, .24, METAL)


# Church

class Stuff(NamedTuple):
    "What a church is built of."
    wall: tuple
    roof: tuple
    trim: tuple
    course: float  # height of one course of bricks, stones or boards
    joints: bool  # bricks and stones have vertical joints, boards have none


CHURCHES = [Stuff((244, 242, 234), (98, 104, 118), (214, 214, 208), .05, False),
            Stuff((192, 182, 164), (104, 92, 88), (226, 218, 200), .09, True),
            Stuff((176, 100, 76), (84, 88, 100), (232, 222, 204), .055, True),
            Stuff((226, 206, 166), (164, 88, 62), (244, 234, 212), .09, True)]


def church(pen, rng):
    "Seen from the front, or from a corner that shows the long nave."
    stuff = pick(rng, CHURCHES)
    stuff = stuff._replace(wall=vary(rng, stuff.wall, .04), roof=vary(rng, stuff.roof))
    pen = pen.at(0, 0, flip=chance(rng, .5))
    pen.shadow(0, .8, 1.1)
    if chance(rng, .4): _church_front(pen, stuff)
    else: _church_corner(pen, stuff)
    for x in (-.68, rng.uniform(.1, .4), rng.uniform(.5, .9)):
        bush(pen.at(x, .72, rng.uniform(.08, .12)), rng)

def _church_front(pen, stuff):
    for side in (-1, 1):  # the aisles
        wing = pen.at(0, 0, flip=side > 0)
        _wall(wing, (-.74, .18, -.2, .8), stuff, shade=.1 + .1 * (side > 0))
        wing.fill([(-.84, .26), (-.2, -.3), (-.2, .26)],
                  down(lit(stuff.roof, .1), dim(stuff.roof, .15)))
        wing.line([(-.84, .25), (-.2, -.31)], .05, dim(stuff.roof))
        _window(wing.at(-.48, .5, .13), stuff)
    _tower(pen, 0, .24, stuff)
    _rose(pen.at(0, .03, .14), stuff)
    _door(pen.at(0, .8, .17), stuff)

def _church_corner(pen, stuff):
    _wall(pen, (-.3, .16, .92, .8), stuff, shade=.22)
    roof = np.array([(-.34, .18), (.98, .18), (.86, -.3), (-.3, -.3)])
    pen.fill(roof, down(lit(stuff.roof, .12), dim(stuff.roof, .2)))
    for i in range(1, 6):
        pen.line([(-.32, -.3 + .08 * i), (.86 + .02 * i, -.3 + .08 * i)], .008, dim(stuff.roof),
                 .6)
    pen.rect(-.34, .16, .98, .2, dim(stuff.roof, .5))
    for x in (.14, .42, .7): _window(pen.at(x, .5, .11), stuff)
    for x in (.28, .56, .86):
        pen.fill([(x - .03, .3), (x + .03, .26), (x + .04, .8), (x - .04, .8)],
                 dim(stuff.wall, .12))
    # the tower's other side
    pen.fill([(-.1, -.44), (.06, -.36), (.06, .8), (-.1, .8)], dim(stuff.wall, .34))
    _tower(pen, -.36, .26, stuff)
    _rose(pen.at(-.36, .0, .13), stuff)
    _door(pen.at(-.36, .8, .16), stuff)

def _tower(pen, x, half, stuff):
    "A square tower with its belfry and spire, `half` the width on each side of `x`."
    _wall(pen, (x - half, -.42, x + half, .8), stuff)
    pen.rect(x - half, -.42, x - half + .05, .8, stuff.trim)
    pen.rect(x + half - .05, -.42, x + half, .8, dim(stuff.trim, .12))
    for y in (-.16, .28):
        pen.rect(x - half - .02, y, x + half + .02, y + .035,
                 down(lit(stuff.trim), dim(stuff.trim, .2)))
    for side in (-.42, .42): _window(pen.at(x + side * half, -.27, .075), stuff)
    eaves, top = half + .05, (x, -.92)
    pen.fill([(x - eaves, -.42), top, (x + .05, -.42)],
             across(dim(stuff.roof, .05), lit(stuff.roof, .2)))
    pen.fill([(x + .05, -.42), top, (x + eaves, -.42)], dim(stuff.roof, .3))
    pen.rect(x - eaves, -.44, x + eaves, -.39, dim(stuff.trim, .15))
    pen.line([(x, -.9), (x, -1.14)], .028, (214, 178, 92))
    pen.line([(x - .07, -1.06), (x + .07, -1.06)], .028, (214, 178, 92))

def _wall(pen, area, stuff, shade=0.):
    "A wall with its courses, lit from the left."
    x0, y0, x1, y1 = area
    wall = dim(stuff.wall, shade)
    pen.rect(*area, across(lit(wall, .1), dim(wall, .14)))
    for row, y in enumerate(np.arange(y0 + stuff.course, y1, stuff.course)):
        pen.fill(box(x0, y, x1, y + .009), dim(wall, .16))
        if not stuff.joints: continue
        for x in np.arange(x0 + stuff.course * (1 + row % 2), x1, 2 * stuff.course):
            pen.fill(box(x, y - stuff.course, x + .009, y), dim(wall, .16))

def _arch(half, height):
    "The outline of a round-headed opening that stands on y = `height`."
    return np.concatenate([arc(0, 0, half, start=180, stop=360, n=10),
                           [(half, height), (-half, height)]])

def _window(pen, stuff):
    pen.fill(_arch(.72, 1.4), stuff.trim)
    pen.fill(_arch(.52, 1.3), down((66, 90, 124), (38, 46, 74)))
    pen.line([(0, -.5), (0, 1.25)], .09, stuff.trim)
    for y in (.2, .8): pen.line([(-.5, y), (.5, y)], .08, stuff.trim)

def _rose(pen, stuff):
    pen.disc(0, 0, 1, stuff.trim)
    pen.disc(0, 0, .82, (44, 56, 88))
    for (x, y), glass in zip(arc(0, 0, .52, stop=315, n=8),
                             [(196, 84, 72), (222, 170, 80)] * 4):
        pen.disc(x, y, .19, glass)
    pen.disc(0, 0, .24, (90, 140, 170))

def _door(pen, stuff):
    pen = pen.at(0, -1.15)  # its sill at the pen's origin
    pen.fill(_arch(.98, 1.15), down(lit(stuff.trim, .2), dim(stuff.trim, .15)))
    pen.fill(_arch(.78, 1.15), across(dim(WOOD, .1), dim(WOOD, .45)))
    pen.line([(0, -.7), (0, 1.1)], .05, dim(WOOD, .65))
    for x in (-.12, .12): pen.disc(x, .35, .06, (214, 178, 92))
    pen.rect(-1.3, 1.05, 1.3, 1.2, dim(stuff.trim, .2))


# French horn

BRASS = [((112, 66, 22), (255, 226, 140)), ((122, 60, 30), (250, 196, 130)),
         ((74, 80, 94), (242, 246, 252))]


def french_horn(pen, rng):
    "Coils of brass tubing that end in a wide bell."
    dark, light = pick(rng, BRASS)
    pen = pen.at(0, 0, angle=rng.uniform(-35, 35), flip=chance(rng, .5))
    pen.shadow(0, .72, .9, .16, .3)
    lead = curve((-.92, -.62), (-.5, -.6), (-.1, -.62), (.3, -.5))
    pen.tube(lead, .06, dark, light)
    pen.tube([(-1.0, -.64), (-.9, -.62)], np.array([.15, .07]), dark, light)  # the mouthpiece
    for r in (.56, .44):
        for start in (-200, -30):
            pen.tube(arc(-.12, -.06, r, start=start, stop=start + 185, n=30), .085, dark, light)
    for x, y in ((-.3, -.3), (-.12, -.36), (.06, -.32)): _valve(pen.at(x, y), dark, light)
    slide = curve((-.42, -.1), (-.44, .16), (-.34, .3), (-.22, .16), (-.22, -.1))
    for shift in (0, .13): pen.tube(slide + (shift, 0), .055, dark, light)
    throat = curve((-.56, .3), (-.3, .5), (0, .5), (.2, .4))
    pen.tube(throat, np.linspace(.1, .34, len(throat)), dark, light)
    _bell(pen.at(.42, .26, .52, -25), dark, light)

def _valve(pen, dark, light):
    pen.rect(-.075, 0, .075, .2, across(light, dark), .03)
    pen.disc(0, 0, .085, mix(dark, light, .5), .05)
    pen.line([(0, 0), (-.06, -.17)], .03, mix(dark, light, .7))
    pen.disc(-.06, -.18, .05, light, .035)

def _bell(pen, dark, light):
    "The flare, seen almost from the front: bright at the rim, dark in the throat."
    pen.disc(0, 0, 1, dim(dark, .2), .93)
    pen.disc(-.02, -.02, .96, across(light, mix(dark, light, .4)), .9)
    for t in np.linspace(0, 1, 9):
        shift, r = -.16 * t, .88 - .62 * t
        pen.disc(shift, shift, r, mix(mix(dark, light, .75), dim(dark, .6), t ** .7), .92 * r)
    pen.line(arc(0, 0, .72, .66, 15, 100), .09, light, .5)


# Garbage truck

def garbage_truck(pen, rng):
    "A refuse lorry, from the side or from behind."
    body, cab = (vary(rng, pick(rng, PAINTS)) for _ in range(2))
    if chance(rng, .5): cab = mix(body, CREAM, .7)
    pen = pen.at(0, 0, flip=chance(rng, .5))
    pen.shadow(0, .66, 1.1, .12, .8)
    if chance(rng, .7): _truck_side(pen, body, cab)
    else: _truck_back(pen, body, rng)

def _truck_side(pen, body, cab):
    pen.rect(-.95, .36, .86, .52, RUBBER)
    hopper = blob((.52, -.52), (.76, -.46), (.9, -.1), (1, .2), (.96, .46), (.52, .46), n=3)
    pen.fill(hopper, across(dim(body, .2), dim(body, .5)))
    pen.fill([(.8, -.06), (.94, .12), (.98, .32), (.8, .3)], dim(INK, .2))  # its mouth
    pen.fill([(-.46, -.46), (-.38, -.56), (.5, -.56), (.58, -.46), (.58, .42), (-.46, .42)],
             down(lit(body, .2), dim(body, .25)))
    for x in np.arange(-.36, .56, .15):
        pen.rect(x, -.5, x + .05, .4, across(lit(body, .25), dim(body, .35)))
    pen.rect(-.46, .3, .58, .36, lit(body, .55))
    pen.line([(.46, -.4), (.78, .16)], .06, METAL)  # the hydraulic arm
    _cab(pen, cab)
    for x in (-.72, .2, .52): _wheel(pen.at(x, .5, .18))

def _cab(pen, paint):
    pen.fill(blob((-.98, .44), (-.98, .1), (-.92, -.3), (-.86, -.36), (-.52, -.36), (-.5, .44),
                  n=3),
             across(lit(paint, .2), dim(paint, .15)))
    pen.fill([(-.93, .02), (-.88, -.27), (-.82, -.27), (-.82, .02)],
             down(lit(GLASS, .3), GLASS))
    pen.rect(-.78, -.27, -.56, .02, down(lit(GLASS, .4), dim(GLASS, .2)), .03)
    for x in (-.8, -.53): pen.line([(x, -.3), (x, .36)], .012, dim(paint, .35))
    pen.rect(-.62, .08, -.56, .11, dim(paint, .5))
    pen.rect(-1, .26, -.9, .34, (250, 232, 160), .02)
    pen.rect(-1.02, .38, -.5, .5, dim(STEEL, .2), .03)
    pen.rect(-.76, -.44, -.64, -.36, (240, 160, 40), .02)  # the flashing light

def _wheel(pen):
    pen.disc(0, 0, 1.12, INK)
    pen.ball(0, 0, .98, (34, 35, 42), (74, 76, 86), 4)
    pen.disc(0, 0, .54, across(lit(METAL, .4), STEEL))
    pen.disc(0, 0, .2, dim(STEEL, .3))

def _truck_back(pen, body, rng):
    for x in (-.46, .46): pen.rect(x - .16, .3, x + .16, .68, INK, .06)
    pen.rect(-.7, -.84, .7, .5, across(lit(body, .15), dim(body, .25)), .08)
    pen.rect(-.6, -.74, .6, -.16, down(dim(body, .1), dim(body, .3)), .05)
    for x in np.linspace(-.5, .5, 6): pen.rect(x - .02, -.7, x + .02, -.2, lit(body, .2))
    pen.fill([(-.56, -.1), (.56, -.1), (.5, .3), (-.5, .3)], down(dim(INK, .3), (60, 60, 70)))
    for x, bag in zip((-.34, -.08, .2, .38),
                      [(58, 62, 72), (84, 96, 88), (70, 70, 86), (52, 54, 62)]):
        pen.ball(x, .18 + .05 * rng.random(), .17, bag, lit(bag, .35), 5)
    for i, x in enumerate(np.arange(-.7, .69, .14)):
        pen.fill([(x, .3), (x + .14, .3), (x + .14, .42), (x, .42)],
                 (232, 190, 60) if i % 2 else (196, 60, 50))
    for x in (-.62, .62):
        pen.line([(x * .98, -.7), (x * .9, .24)], .07, METAL)
        pen.disc(x, .47, .06, (230, 70, 54))
    for x in (-.4, .4): pen.rect(x - .1, -.92, x + .1, -.84, (240, 160, 40), .03)


# Gas pump

def gas_pump(pen, rng):
    "A dispenser of our time, or a round-shouldered one with a globe on top."
    paint = vary(rng, pick(rng, PAINTS[:7]))
    pen = pen.at(0, 0, flip=chance(rng, .5))
    pen.shadow(0, .82, .75, .1, .7)
    if chance(rng, .55): _modern_pump(pen, paint)
    else: _retro_pump(pen, paint)

def _hose(pen, x, top, hang, bottom):
    "A hose that leaves the pump at the height `top`, hangs, and comes back up to its nozzle."
    hose = curve(
        (x - .1, top), (x + .1, top - .08), (x + hang, top + .1), (x + hang, bottom - .2),
        (x + hang * .6, bottom), (x + .1, bottom - .24), (x + .04, .06))
    pen.line(hose, .065, RUBBER)
    pen.line(hose - .012, .016, lit(RUBBER, .4))

def _nozzle(pen, paint):
    pen.fill([(-.1, -.16), (.1, -.2), (.14, .06), (.05, .36), (-.06, .36), (-.1, 0)],
             down(lit(paint, .1), dim(paint, .35)))
    pen.line(curve((-.02, -.16), (.02, -.34), (.16, -.4), (.26, -.34)), .055, METAL)
    pen.line(curve((.12, -.02), (.2, .12), (.08, .26)), .03, STEEL)

def _modern_pump(pen, paint):
    pen.rect(-.54, .72, .54, .84, down(METAL, STEEL), .03)
    pen.fill([(.36, -.84), (.5, -.8), (.5, .76), (.36, .78)],
             across(dim(paint, .5), dim(METAL, .4)))
    pen.rect(-.5, -.9, .38, .78, across(lit(CREAM, .3), dim(CREAM, .2)), .06)
    pen.rect(-.5, -.9, .38, -.62, down(lit(paint, .15), dim(paint, .1)), .06)
    pen.rect(-.5, .42, .38, .76, down(paint, dim(paint, .3)), .04)
    pen.rect(-.4, -.54, .28, -.16, dim(STEEL, .5), .04)
    for y in (-.49, -.33): _digits(pen, y)
    for i in range(6):
        pen.rect(-.36 + .1 * (i % 3), -.08 + .1 * (i // 3), -.29 + .1 * (i % 3),
                 -.01 + .1 * (i // 3), STEEL, .015)
    for i, grade in enumerate([(74, 138, 84), (238, 186, 64), (206, 62, 52)]):
        pen.rect(-.38 + .22 * i, .22, -.22 + .22 * i, .34, grade, .03)
    pen.disc(-.06, -.76, .08, CREAM)
    _hose(pen, .5, -.6, .42, .66)
    pen.rect(.42, -.2, .62, .2, dim(STEEL, .4), .04)
    _nozzle(pen.at(.56, .02, .72), dim(paint, .1))

def _digits(pen, y):
    pen.rect(-.34, y, .22, y + .13, (196, 214, 178), .015)
    for i in range(5): pen.rect(-.3 + .1 * i, y + .025, -.25 + .1 * i, y + .105, (40, 54, 44))

def _retro_pump(pen, paint):
    pen.rect(-.46, .7, .46, .84, down(STEEL, RUBBER), .03)
    shoulders = blob((-.36, .74), (-.38, 0), (-.4, -.3), (-.3, -.54), (0, -.6), (.3, -.54),
                     (.4, -.3), (.38, 0),
                     (.36, .74), n=5)
    pen.fill(shoulders, across(lit(paint, .3), dim(paint, .3)))
    pen.line([(-.27, -.36), (-.26, .6)], .05, lit(paint, .65), .6)
    pen.rect(-.13, -.7, .13, -.56, down(lit(METAL, .4), STEEL))
    pen.ball(0, -.82, .21, (206, 200, 182), WHITE)
    pen.disc(0, -.82, .13, paint)
    pen.disc(0, -.82, .07, CREAM)
    pen.disc(0, -.27, .27, across(lit(METAL, .6), STEEL))
    pen.disc(0, -.27, .23, CREAM)
    for x, y in arc(0, -.27, .19, start=150, stop=390, n=9): pen.disc(x, y, .018, INK)
    pen.line([(0, -.27), (.1, -.39)], .03, (200, 56, 46))
    pen.rect(-.22, .08, .22, .2, CREAM, .02)
    pen.rect(-.26, .3, .26, .66, down(dim(paint, .12), dim(paint, .35)), .04)
    _hose(pen, .4, -.2, .4, .64)
    _nozzle(pen.at(.46, .02, .72), METAL)


# Golf ball

GOLF_BALLS = [((138, 146, 164), WHITE)] * 4  # four in six are white
GOLF_BALLS += [((168, 150, 40), (255, 250, 150)), ((176, 88, 40), (255, 196, 130))]


def golf_ball(pen, rng):
    "A dimpled ball, in the grass, on a tee or beside its hole."
    pose = pick(rng, ['tee', 'hole', 'grass', 'grass'])
    if pose == 'tee':
        pen.fill(blob((-.34, .5), (.34, .5), (.12, .66), (.06, 1.3), (-.06, 1.3), (-.12, .66),
                      n=4),
                 across(lit(WOOD, .5), WOOD))
        return _dimpled(pen.at(0, -.05, .68), rng)
    if pose == 'hole': _hole(pen)
    ball = pen.at(-.25 * (pose == 'hole'), .15, .64)
    ball.shadow(.2, .98, 1.1, .22, .8)
    _dimpled(ball, rng)
    if pose == 'grass': tuft(pen.at(0, .84, .3), rng, (84, 140, 62), 9, spread=2.2)

def _hole(pen):
    pen.disc(.7, .5, .4, dim(INK, .1), .13)
    pen.line([(.7, .5), (.7, -1.2)], .04, CREAM)
    pen.fill([(.7, -1.2), (1.25, -1.02), (.7, -.82)], across((206, 62, 52), (166, 46, 44)))

def _dimpled(pen, rng, n=210):
    "A ball of radius 1; its `n` dimples are spread evenly, as the seeds of a sunflower are."
    dark, light = pick(rng, GOLF_BALLS)
    pen.ball(0, 0, 1, dark, light, steps=14)
    i = np.arange(n) + .5
    z, angle = 1 - 2 * i / n, i * np.pi * (1 + 5 ** .5)
    r = np.sqrt(1 - z * z)
    sphere = np.stack([r * np.cos(angle), r * np.sin(angle), z], 1) @ _rotation(rng)
    sphere = sphere[sphere[:, 2] > .12]
    tangent = np.cross(sphere, (0, 0, 1))
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    around = arc(0, 0, .088, n=9, stop=320)
    other = np.cross(sphere, tangent)  # with `tangent`, the plane that touches the ball there
    dimples = (sphere[:, None] + tangent[:, None] * around[:, :1]
               + other[:, None] * around[:, 1:])
    for dimple, (x, y, _) in zip(dimples[..., :2], sphere):
        here = mix(dark, light, .5 - .45 * (x + y))
        pen.fill(dimple, dim(here, .18))
        pen.fill(dimple * .62 + np.array((x, y)) * .38 + .018, lit(here, .12))

def _rotation(rng):
    "A random (3, 3) rotation, mirrored or not."
    return np.linalg.qr(rng.normal(size=(3, 3)))[0]


# Parachute

def parachute(pen, rng):
    "A round canopy or a gliding wing, with somebody hanging from it."
    first, second = (vary(rng, pick(rng, PAINTS)) for _ in range(2))
    if chance(rng, .5): second = CREAM
    pen = pen.at(0, 0, angle=rng.uniform(-14, 14))
    if chance(rng, .6): _round_canopy(pen, first, second, gores=int(rng.integers(7, 12)))
    else: _wing(pen, first, second, cells=int(rng.integers(7, 11)))
    _jumper(pen.at(0, .72, .28), vary(rng, pick(rng, PAINTS)))

def _round_canopy(pen, first, second, gores):
    rim = arc(0, -.12, .86, .1, start=180, stop=0, n=gores + 1)
    for x, y in rim: pen.line([(x, y), (.06 * x, .62)], .012, dim(CREAM, .35))
    rise = np.linspace(0, np.pi / 2, 10)
    meridians = [np.stack([x * np.cos(rise), y - (y + .94) * np.sin(rise)], 1) for x, y in rim]
    for i, (left, right) in enumerate(zip(meridians, meridians[1:])):
        middle = (left[0] + right[0]) / 2 + (0, -.06)  # the hem is drawn up between two lines
        paint = dim((first, second)[i % 2], .45 * i / gores)
        hem = curve(right[0], middle, left[0], n=4)
        pen.fill(np.concatenate([left, right[::-1], hem]),
                 down(lit(paint, .22), dim(paint, .2)))

def _wing(pen, first, second, cells):
    top = arc(0, .05, 1.06, .86, start=200, stop=340, n=cells + 1)
    low = .97 * top + (0, .24)
    for x, y in low: pen.line([(x, y), (.1 * np.sign(x), .6)], .01, dim(CREAM, .35))
    for i in range(cells):
        paint = dim((first, second)[i % 2], .3 * i / cells)
        pen.fill([top[i], top[i + 1], low[i + 1], low[i]],
                 down(lit(paint, .25), dim(paint, .25)))
        pen.line([low[i], low[i + 1]], .035, dim(paint, .5))

def _jumper(pen, suit):
    for side in (-1, 1):
        pen.line(curve((0, 0), (.3 * side, -.2), (.22 * side, -.6)), .15, dim(suit, .15))
        pen.line(curve((.08 * side, .4), (.2 * side, .7), (.16 * side, 1)), .18, dim(suit, .4))
        pen.disc(.19 * side, 1.02, .1, INK)
    pen.rect(-.2, -.14, .2, .5, across(lit(suit), dim(suit)), .12)
    pen.line([(-.16, .34), (.16, .34)], .08, INK)
    pen.disc(0, -.3, .17, SKIN[0])
    pen.fill(arc(0, -.33, .18, start=180, stop=360, n=12), dim(suit, .2))  # the helmet
