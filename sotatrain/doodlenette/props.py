"""Clutter: what else is in a scene, with its foot at y = 1, and what is in the way."""
import numpy as np

from .pen import (
    CREAM,
    GREENS,
    METAL,
    PAINTS,
    STEEL,
    WOOD,
    across,
    blob,
    chance,
    dim,
    down,
    lit,
    mix,
    pick,
    vary,
)


def tree(pen, rng):
    "A round or a pointed tree, 2 units high, that stands on y = 1."
    leaf = vary(rng, pick(rng, GREENS))
    pen.line([(0, 1), (0, 0)], .14, dim(WOOD, .25))
    if chance(rng, .4):
        for i in range(3):
            pen.fill([(-.5 + .1 * i, .6 - .5 * i), (0, -.3 - .4 * i),
                      (.5 - .1 * i, .6 - .5 * i)],
                     across(lit(leaf, .08), dim(leaf, .4)))
    else:
        for x, y, r in ((.22, -.1, .46), (-.26, .05, .44), (0, -.4, .48), (-.12, -.28, .4)):
            pen.disc(x, y, r, down(lit(leaf, .15), dim(leaf, .35)))


def bush(pen, rng):
    leaf = vary(rng, pick(rng, GREENS))
    for x, y, r in ((-.5, .6, .42), (.5, .65, .4), (0, .4, .55)):
        pen.disc(x, y, r, down(lit(leaf, .12), dim(leaf, .4)))


def crate(pen, rng):
    paint = vary(rng, pick(rng, [WOOD, lit(WOOD, .3), *PAINTS]))
    pen.rect(-.7, 0, .7, 1, down(lit(paint, .1), dim(paint, .3)))
    pen.fill([(-.7, 0), (-.5, -.2), (.9, -.2), (.7, 0)], lit(paint, .3))
    pen.fill([(.7, 0), (.9, -.2), (.9, .8), (.7, 1)], dim(paint, .45))
    for y in (.32, .66): pen.rect(-.7, y, .7, y + .03, dim(paint, .45))


def cone(pen, rng):
    pen.fill([(-.4, 1), (-.07, -.4), (.07, -.4), (.4, 1)],
             across((240, 130, 60), (186, 80, 40)))
    for y in (.1, .5):
        pen.fill([(-.16 - .24 * y, y), (.16 + .24 * y, y), (.21 + .24 * y, y + .2),
                  (-.21 - .24 * y, y + .2)], CREAM)
    pen.rect(-.55, .95, .55, 1.05, (180, 80, 44))


def pole(pen, rng):
    pen.rect(-.05, -2, .05, 1, across(METAL, STEEL))
    if chance(rng, .5): pen.disc(0, -1.1, .36, vary(rng, pick(rng, PAINTS)))


def pots(pen, rng):
    for x in (-.4, .35):
        paint, h = vary(rng, pick(rng, PAINTS)), rng.uniform(.2, .8)
        pot = blob((-.2, 0), (-.28, -.5), (-.12, -1), (.12, -1), (.28, -.5), (.2, 0))
        pen.fill(pot * (1, h) + (x, 1), across(lit(paint), dim(paint)))


def toy_ball(pen, rng):
    paint = vary(rng, pick(rng, PAINTS))
    pen.ball(0, .6, .4, dim(paint, .3), lit(paint, .4), 6)


def tuft(pen, rng, colour, blades, spread=1.):
    "Blades of grass, rooted on y = 0."
    for x in rng.uniform(-spread, spread, blades):
        tip, h = rng.uniform(-.5, .5), rng.uniform(.5, 1.2)
        pen.fill([(x - .09, 0), (x + tip, -h), (x + .09, 0)],
                 mix(lit(colour, .25), dim(colour, .25), rng.random()))


def grass_in_front(pen, rng, w, h):
    tuft(pen.at(rng.uniform(-.6, .6) * w, h + .02, rng.uniform(.3, .55)), rng,
         vary(rng, pick(rng, GREENS)), 16, 2.4)


def leaves_in_front(pen, rng, w, h):
    side, leaf = pick(rng, (-1, 1)), vary(rng, pick(rng, GREENS))
    for y in np.linspace(-h, h * rng.uniform(-.2, .6), 7):
        angle = rng.uniform(-50, 50) + 90 + 90 * side
        twig = pen.at(side * w, y, rng.uniform(.4, .75), angle)
        twig.fill(blob((0, 0), (.4, -.16), (.9, 0), (.4, .16)),
                  across(dim(leaf, .3), lit(leaf, .1)))


def pole_in_front(pen, rng, w, h):
    x, r = rng.uniform(-.5, .5) * w, rng.uniform(.04, .09)
    paint = pick(rng, [WOOD, STEEL, METAL, dim(WOOD, .4)])
    pen.rect(x - r, -h, x + r, h, across(lit(paint, .2), dim(paint, .4)))


def crate_in_front(pen, rng, w, h):
    size = rng.uniform(.3, .5)
    crate(pen.at(rng.uniform(-.8, .8) * w, h - .35 * size, size), rng)


def blur_in_front(pen, rng, w, h):
    "Something close to the lens, out of focus."
    side = pick(rng, (-1, 1))
    pen.glow(side * w, rng.uniform(-.2, 1) * h, .8, 1, vary(rng, pick(rng, GREENS + PAINTS)),
             .95)


IN_FRONT = [grass_in_front, leaves_in_front, pole_in_front, crate_in_front, blur_in_front]
