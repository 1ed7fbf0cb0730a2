"""Places. Each takes a pen and a random generator, and fills a frame of [-w, w] x [-h, h].

The shorter side of a frame is 2."""
import numpy as np

from .pen import (
    CREAM,
    EARTHS,
    GLASS,
    GREENS,
    METAL,
    PAINTS,
    STEEL,
    WHITE,
    WOOD,
    across,
    chance,
    dim,
    down,
    lit,
    mix,
    pick,
    vary,
)
from .props import bush, cone, crate, pole, pots, toy_ball, tree, tuft

SKIES = [((92, 148, 206), (206, 226, 236)), ((122, 172, 214), (232, 236, 230)),
         ((138, 168, 202), (230, 232, 226)),
         ((84, 108, 160), (248, 200, 156)), ((112, 136, 178), (244, 220, 190)), ((64, 122, 190),
                                                                                 (164, 206,
                                                                                  232))]


def sky(pen, rng, w, h, clouds=4):
    pen.rect(-w, -h, w, h, down(*pick(rng, SKIES)))
    for _ in range(int(rng.integers(clouds + 1))):
        _cloud(pen.at(rng.uniform(-w, w), rng.uniform(-h, .3), rng.uniform(.2, .5),
                      flip=chance(rng, .5)))

def _cloud(pen):
    puffs = [(-.7, .12, .5, .32), (-.25, -.1, .55, .48), (.3, -.02, .6, .5),
             (.75, .14, .45, .3), (0, .22, 1.2, .22)]
    for x, y, rx, ry in puffs: pen.glow(x, y, rx, ry, WHITE, 1.3)

def _hills(pen, rng, w, h, y, colour):
    "A ridge about `y`, filled down to the foot of the picture."
    x = np.linspace(-w, w, 24)
    ridge = y - .1 * np.sin(rng.uniform(1, 2.5) * x + rng.uniform(0, 6))
    ridge = ridge - .05 * np.sin(4 * x + rng.uniform(0, 6))
    pen.fill(np.concatenate([np.stack([x, ridge], 1), [(w, h), (-w, h)]]),
             down(colour, dim(colour, .15)))

def _speckle(pen, rng, w, y0, y1, colour, n=40):
    "Small marks on the ground, larger where it is closer."
    for x, t in zip(rng.uniform(-w, w, n), rng.random(n)):
        r = .01 + .03 * t
        pen.disc(x, y0 + (y1 - y0) * t, 2 * r,
                 lit(colour, .16) if chance(rng, .5) else dim(colour, .16), .6 * r)

def _along_horizon(pen, rng, w, y, things, n):
    for x in rng.uniform(-w, w, n):
        size = rng.uniform(.12, .4)
        pick(rng, things)(pen.at(x, y + .03 - size, size), rng)


def meadow(pen, rng, w, h):
    sky(pen, rng, w, h)
    horizon, green = rng.uniform(-.3, .3), vary(rng, pick(rng, GREENS))
    _hills(pen, rng, w, h, horizon - .1, mix(green, (150, 176, 200), .55))
    _hills(pen, rng, w, h, horizon, mix(green, (170, 180, 160), .25))
    _along_horizon(pen, rng, w, horizon + .08, [tree, tree, bush], int(rng.integers(6)))
    pen.rect(-w, horizon + .06, w, h, down(lit(green, .12), dim(green, .15)))
    _speckle(pen, rng, w, horizon + .1, h, green)
    for x, y in zip(rng.uniform(-w, w, 6), rng.uniform(horizon + .3, h, 6)):
        tuft(pen.at(x, y, .1), rng, green, 4)


def street(pen, rng, w, h):
    sky(pen, rng, w, h, clouds=2)
    kerb, stone = rng.uniform(-.1, .35), vary(rng, pick(rng, EARTHS))
    _houses(pen, rng, w, h, kerb)
    _along_horizon(pen, rng, w, kerb, [tree, bush, pole, cone], int(rng.integers(4)))
    pen.rect(-w, kerb, w, kerb + .14, down(lit(stone, .25), stone))
    asphalt = vary(rng, (110, 112, 118), .05)
    pen.rect(-w, kerb + .14, w, h, down(dim(asphalt, .15), lit(asphalt, .1)))
    _speckle(pen, rng, w, kerb + .2, h, asphalt, 16)
    for x in np.arange(-w, w, .7): pen.rect(x, kerb + .5, x + .4, kerb + .54, lit(asphalt, .7))

def _houses(pen, rng, w, h, base):
    x = -w - .2
    while x < w:
        wide, high = rng.uniform(.4, .9), rng.uniform(.5, 1.4)
        wall = mix(vary(rng, pick(rng, PAINTS + EARTHS)), CREAM, .45)
        pen.rect(x, base - high, x + wide, base, down(lit(wall, .1), dim(wall, .12)))
        top = base - high
        if chance(rng, .5):
            pen.fill([(x - .03, top), (x + wide / 2, top - .25), (x + wide + .03, top)],
                     dim(wall, .45))
        for left in np.arange(x + .1, x + wide - .12, .2):
            for upper in np.arange(top + .12, base - .2, .28):
                pen.rect(left, upper, left + .09, upper + .15, dim(GLASS, .25))
        x += wide


def station(pen, rng, w, h):
    "The forecourt of a filling station: a canopy, its pillars, a shop."
    sky(pen, rng, w, h, clouds=2)
    floor, paint = rng.uniform(.1, .4), vary(rng, pick(rng, PAINTS))
    _hills(pen, rng, w, h, floor - .25, vary(rng, pick(rng, GREENS)))
    _shop(pen.at(rng.uniform(-.6, .6) * w, floor, rng.uniform(.4, .6)), paint)
    concrete = vary(rng, (176, 174, 168), .05)
    pen.rect(-w, floor, w, h, down(dim(concrete, .1), lit(concrete, .2)))
    for x in np.linspace(-2 * w, 2 * w, 7):
        pen.line([(x * .5, floor), (x * 1.4, h)], .012, dim(concrete, .2))
    _canopy(pen, rng, w, h, floor, paint)

def _shop(pen, paint):
    pen.rect(-1.1, -.8, 1.1, 0, down(CREAM, dim(CREAM, .15)))
    pen.rect(-1.1, -.8, 1.1, -.62, dim(paint, .15))
    for x in (-.98, -.3, .36):
        pen.rect(x, -.54, x + .58, -.06, down(lit((250, 214, 140), .2), dim(GLASS, .1)))
    for x in (-.1, .6): pen.line([(x, -.54), (x, -.06)], .02, CREAM)

def _canopy(pen, rng, w, h, floor, paint):
    roof = rng.uniform(-.95, -.75) * h
    for x in (-.72 * w, .72 * w):
        pen.rect(x - .07, roof, x + .07, floor + .2, across(lit(METAL, .5), STEEL))
        pen.rect(x - .14, floor + .14, x + .14, floor + .24, down(CREAM, dim(CREAM, .3)))
    pen.fill([(-w, roof + .12), (w, roof + .12), (.7 * w, roof + .26), (-.7 * w, roof + .26)],
             down(dim(CREAM, .25), dim(CREAM, .4)))
    for x in np.linspace(-.6, .6, 5):
        pen.glow(x * w, roof + .18, .16, .06, (255, 250, 220), .95)
    pen.rect(-w, roof - .14, w, roof + .13, down(lit(CREAM, .4), dim(CREAM, .1)))
    pen.rect(-w, roof - .02, w, roof + .08, across(lit(paint, .1), dim(paint, .1)))


def lake(pen, rng, w, h):
    sky(pen, rng, w, h)
    shore, green = rng.uniform(-.35, .1), vary(rng, pick(rng, GREENS))
    _hills(pen, rng, w, h, shore - .06, mix(green, (140, 168, 190), .4))
    _along_horizon(pen, rng, w, shore, [tree, bush], int(rng.integers(5)))
    water = vary(rng, (98, 146, 172))
    pen.rect(-w, shore, w, h, down(lit(water, .35), dim(water, .2)))
    for x, t in zip(rng.uniform(-w, w, 26), rng.random(26)):
        pen.rect(x, shore + (h - shore) * t, x + .1 + .4 * t, shore + (h - shore) * t + .012,
                 lit(water, .45), alpha=.6)
    bank = vary(rng, pick(rng, EARTHS + GREENS[:3]))
    edge = h - rng.uniform(.35, .7)
    _hills(pen, rng, w, h, edge, bank)
    _speckle(pen, rng, w, edge + .15, h, bank, 24)


def underwater(pen, rng, w, h):
    water = vary(rng, pick(rng, [(60, 128, 138), (74, 120, 96), (58, 108, 150)]))
    pen.rect(-w, -h, w, h, down(lit(water, .4), dim(water, .45)))
    for x in rng.uniform(-w, w, 4):
        pen.fill([(x, -h), (x + .2, -h), (x + .9, h), (x + .2, h)], lit(water, .5), .16)
    bed = mix(vary(rng, pick(rng, EARTHS)), water, .45)
    _hills(pen, rng, w, h, .8 * h, bed)
    _speckle(pen, rng, w, .85 * h, h, bed, 20)
    for x in rng.uniform(-w, w, 6):
        _weed(pen.at(x, h, rng.uniform(.3, .8)), rng,
              mix(vary(rng, pick(rng, GREENS)), water, .3))
    for x, y in zip(rng.uniform(-w, w, 8), rng.uniform(-h, h, 8)):
        pen.disc(x, y, rng.uniform(.01, .035), lit(water, .6), alpha=.6)

def _weed(pen, rng, green):
    y = np.linspace(0, -1.4, 12)
    for x in (-.12, 0, .14):
        pen.line(np.stack([x + .12 * np.sin(4 * y + rng.uniform(0, 6)), y], 1),
                 np.linspace(.12, .02, 12), green)


def room(pen, rng, w, h):
    wall = mix(vary(rng, pick(rng, PAINTS + EARTHS)), CREAM, rng.uniform(.2, .7))
    pen.rect(-w, -h, w, h, across(lit(wall, .12), dim(wall, .2)))
    edge = rng.uniform(.1, .5)
    if chance(rng, .5):
        _window_pane(pen.at(rng.uniform(-w, w), edge - .85, rng.uniform(.35, .6)), rng)
    for x in rng.uniform(-w, w, int(rng.integers(3))):
        _picture(pen.at(x, edge - rng.uniform(.7, 1), rng.uniform(.15, .3)), rng)
    _along_horizon(pen, rng, w, edge, [crate, pots, toy_ball], int(rng.integers(4)))
    _table(pen, w, h, edge,
           vary(rng, pick(rng, [WOOD, lit(WOOD, .35), dim(WOOD, .3), CREAM, STEEL])))

def _table(pen, w, h, edge, wood):
    pen.rect(-w, edge, w, h, down(lit(wood, .25), dim(wood, .15)))
    for t in (.08, .25, .5, .8):
        pen.rect(-w, edge + (h - edge) * t, w, edge + (h - edge) * t + .01, dim(wood, .2))

def _window_pane(pen, rng):
    pen.rect(-.7, -1, .7, 1, CREAM)
    for x in (-.62, .04):
        for y in (-.92, .04): pen.rect(x, y, x + .58, y + .88, down(*pick(rng, SKIES[:3])))

def _picture(pen, rng):
    pen.rect(-1, -.8, 1, .8, dim(WOOD, .2))
    pen.rect(-.84, -.64, .84, .64, down(*pick(rng, SKIES)))
    pen.fill([(-.84, .64), (-.3, -.1), (.2, .4), (.5, .1), (.84, .64)],
             vary(rng, pick(rng, GREENS)))


def curtain(pen, rng, w, h):
    cloth = vary(rng,
                 pick(rng,
                      [(140, 44, 50), (56, 70, 120), (70, 96, 84), (120, 90, 130),
                       (150, 130, 110)]))
    edge = rng.uniform(.45, .75) * h
    for x in np.arange(-w, w, .22):
        wide = rng.uniform(.06, .14)
        pen.rect(x, -h, x + wide, edge, across(dim(cloth, .45), cloth))
        pen.rect(x + wide, -h, x + .23, edge, across(lit(cloth, .08), dim(cloth, .5)))
    _table(pen, w, h, edge, vary(rng, pick(rng, [WOOD, dim(WOOD, .4), dim(cloth, .4)])))


def workshop(pen, rng, w, h):
    plank, edge = vary(rng,
                       pick(rng,
                            [WOOD, lit(WOOD, .25), dim(WOOD, .35), METAL])), rng.uniform(.1, .5)
    for x in np.arange(-w, w, .3):
        shade = dim(plank, rng.uniform(0, .3))
        pen.rect(x, -h, x + .3, h, across(shade, dim(shade, .12)))
        pen.rect(x, -h, x + .014, h, dim(plank, .6))
    _along_horizon(pen, rng, w, -.4 * h, [crate, pots, toy_ball], 3)
    pen.rect(-w, -.4 * h, w, -.4 * h + .06, dim(plank, .5))
    _along_horizon(pen, rng, w, edge, [crate, pots, cone], int(rng.integers(4)))
    _table(pen, w, h, edge, vary(rng, pick(rng, [WOOD, dim(WOOD, .3), STEEL])))


def forest(pen, rng, w, h):
    leaf, floor = vary(rng, pick(rng, GREENS)), rng.uniform(.05, .45)
    pen.rect(-w, -h, w, h, down(lit(leaf, .45), dim(leaf, .1)))
    for x in rng.uniform(-w, w, 9): pen.glow(x, rng.uniform(-h, 0), .3, .25, lit(leaf, .6), .6)
    for mist in (.5, .25, 0):  # the farther, the paler
        for x in rng.uniform(-w, w, 4):
            bark = mix(dim(WOOD, .4), lit(leaf, .4), mist)
            pen.rect(x, -h, x + .2 - .24 * mist, floor + .1 - .2 * mist,
                     across(lit(bark, .12), dim(bark, .3)))
    soil = vary(rng, pick(rng, [(150, 124, 84), *GREENS[:3]]))
    pen.rect(-w, floor, w, h, down(mix(soil, leaf, .4), dim(soil, .2)))
    _speckle(pen, rng, w, floor, h, soil, 60)


def haze(pen, rng, w, h):
    "A background so far out of focus that only its lights remain."
    base = vary(rng, pick(rng, PAINTS + GREENS + EARTHS + [dim(p, .6) for p in PAINTS]))
    pen.rect(-w, -h, w, h, down(lit(base, .3), dim(base, .35)))
    for _ in range(int(rng.integers(4, 12))):
        r = rng.uniform(.1, .5)
        pen.glow(rng.uniform(-w, w), rng.uniform(-h, h), r, r,
                 lit(vary(rng, base, .2), rng.uniform(0, .5)), .7)


def open_sky(pen, rng, w, h):
    sky(pen, rng, w, h, clouds=7)
    if chance(rng, .6):
        _hills(pen, rng, w, h, h * rng.uniform(.6, 1), vary(rng, pick(rng, GREENS)))
