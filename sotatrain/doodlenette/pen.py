"""Chance, colours, shapes, and a pen that fills polygons.

The pen's coordinates travel with the object being drawn."""
import colorsys
import functools
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

# Chance and colour

WHITE = 255, 255, 255
INK = 24, 26, 42  # bluish: shade drawn in pure black looks dirty
METAL = 168, 176, 186
STEEL = 96, 104, 116
RUBBER = 44, 46, 54
GLASS = 112, 150, 172
CREAM = 246, 240, 226
WOOD = 142, 98, 62
SKIN = [(240, 200, 168), (206, 154, 116), (138, 92, 66)]
PAINTS = [(206, 62, 52), (228, 128, 46), (238, 186, 64), (74, 138, 84), (52, 128, 140),
          (58, 102, 168), (110, 84, 148), (236, 230, 214), (92, 100, 112), (150, 60, 72)]
GREENS = [(84, 132, 70), (104, 146, 74), (76, 130, 82), (138, 152, 78), (150, 138, 74)]
EARTHS = [(178, 160, 130), (150, 140, 128), (196, 180, 146), (128, 122, 120)]


def pick(rng, options):
    "One of `options`, all equally likely (several times faster than `rng.choice`)."
    return options[int(rng.integers(len(options)))]


def chance(rng, p):
    "True with probability `p`."
    return rng.random() < p


def hsv(hue, saturation, value):
    "The RGB colour (three numbers in 0-255) of a hue, saturation and value, all in 0-1."
    return tuple(255 * c for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def mix(a, b, t=.5):
    "The colour at fraction `t` of the way from `a` to `b`."
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t


def lit(colour, t=.3):
    "`colour` in the light."
    return mix(colour, WHITE, t)


def dim(colour, t=.3):
    "`colour` in the shade."
    return mix(colour, INK, t)


def vary(rng, colour, amount=.08):
    "A colour near `colour`: no two objects leave the paint shop alike."
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    dh, ds, dv = rng.uniform(-amount, amount, 3)
    return hsv(h + dh / 3, min(max(s + ds, 0), 1), min(max(v + dv, 0), 1))


class Shade(NamedTuple):
    "A paint that changes linearly from one side of a shape to the other."
    start: tuple
    end: tuple
    axis: int  # 0: from left to right, 1: from top to bottom


def across(start, end): return Shade(start, end, 0)
def down(start, end): return Shade(start, end, 1)


# Lines and shapes: arrays of points, of shape (n, 2)

def box(x0, y0, x1, y1):
    "The corners of a rectangle."
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def arc(x, y, rx, ry=None, start=0, stop=360, n=24):
    "`n` points along an ellipse; its angles are in degrees, clockwise from the right."
    return _unit_arc(start, stop, n) * (rx, rx if ry is None else ry) + (x, y)


@functools.lru_cache(maxsize=256)
def _unit_arc(start, stop, n):
    angle = np.radians(np.linspace(start, stop, n))
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def pill(x0, y0, x1, y1, r):
    "A rectangle whose corners are rounded with the radius `r`."
    corners = [(x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180),
               (x1 - r, y0 + r, 270)]
    return np.concatenate([arc(x, y, r, start=a, stop=a + 90, n=6) for x, y, a in corners])


def blob(*points, n=6):
    "A smooth closed shape through `points`, with `n` steps from each to the next."
    p = np.array(points, float)
    return _spline(np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0), n)


def curve(*points, n=6):
    "A smooth open line through `points`, with `n` steps from each to the next."
    p = np.array([points[0], *points, points[-1]], float)
    return np.concatenate([_spline(p[:-3], p[1:-2], p[2:-1], p[3:], n), p[-1:]])


def _spline(before, start, end, after, n):
    "Catmull-Rom splines from each point of `start` to that of `end`, given their neighbours."
    t = (np.arange(n) / n)[:, None]
    # (pieces, 1, 2), for (n, 1) times
    a, b, c, d = before[:, None], start[:, None], end[:, None], after[:, None]
    cubic = c - a + t * (2*a - 5*b + 4*c - d + t * (3*b - a - 3*c + d))
    return (b + t * cubic / 2).reshape(-1, 2)


def band(points, width):
    "The outline of a ribbon along `points`; `width` is a number, or one for each point."
    p = np.asarray(points, float)
    # from the point before to the one after
    along = np.concatenate([p[1:], p[-1:]]) - np.concatenate([p[:1], p[:-1]])
    length = np.hypot(along[:, 0], along[:, 1]) + 1e-9
    side = along[:, ::-1] * (-1, 1) * (width / length / 2)[:, None]
    return np.concatenate([p + side, (p - side)[::-1]])


# The pen

@functools.lru_cache(maxsize=64)
def _spot(alpha):
    "A stencil that fades from the centre to the rim; `alpha` above 1 makes its heart solid."
    def opacity(v): return int(min(max(255 - 2**.5 * v, 0) * alpha, 255))
    return Image.eval(Image.radial_gradient('L'), opacity)


def whole(colour, *alpha):
    "`colour` as Pillow takes it: whole numbers."
    return int(colour[0]), int(colour[1]), int(colour[2]), *alpha


STRIP = 256  # length of a gradient, in pixels


def _strip(start, end):
    "A row of pixels that change from one colour to another."
    ends = Image.new('RGB', (2, 1), start)
    ends.putpixel((1, 0), end)
    return ends.resize((STRIP, 1), Image.Resampling.BILINEAR, box=(.5, 0, 1.5, 1))


class Pen:
    """Fills shapes on an image, in the coordinates of the object being drawn.

    The pen maps a point p to the pixel `turn @ p + origin`. Moving the pen, rather than the
    finished object, keeps every edge as sharp as the picture allows."""
    def __init__(
        self,
        image,   # Pillow image to draw on, mode RGB
        turn,    # (2, 2) array: rotation, reflection and size (pixels for one unit)
        origin,  # (2,) array: the pixel of the point (0, 0)
    ):
        self.image = image
        self.turn = np.asarray(turn, float)
        self.origin = np.asarray(origin, float)
        self.to_units = np.linalg.inv(self.turn)
        self.brush = ImageDraw.Draw(image)         # opaque
        self.wash = ImageDraw.Draw(image, 'RGBA')  # translucent

    def at(self, x, y, size=1, angle=0, flip=False):
        "A pen for an object centred at (x, y) of this pen, turned by `angle` degrees."
        c, s = size * np.cos(np.radians(angle)), size * np.sin(np.radians(angle))
        turn = np.array([(c, -s), (s, c)]) @ np.diag((-1 if flip else 1, 1))
        return Pen(self.image, self.turn @ turn, self.turn @ (x, y) + self.origin)

    def fill(self, points, paint, alpha=1):
        "Fill a polygon with a `Shade`, or with a colour: translucent where `alpha` is below 1."
        points = np.asarray(points, float)
        pixels = points @ self.turn.T + self.origin
        if isinstance(paint, Shade): self._fill_shaded(pixels, points[:, paint.axis], paint)
        elif alpha == 1: self.brush.polygon(pixels.ravel().tolist(), fill=whole(paint))
        else: self.wash.polygon(pixels.ravel().tolist(), fill=whole(paint, int(255 * alpha)))

    def _fill_shaded(self, pixels, position, shade):
        "Fill a polygon with a gradient from the lowest `position` to the highest."
        (x0, y0), (x1, y1) = pixels.min(0).tolist(), pixels.max(0).tolist()
        x0, y0 = max(int(x0), 0), max(int(y0), 0)
        size = min(int(x1) + 1, self.image.width) - x0, min(int(y1) + 1, self.image.height) - y0
        if min(size) <= 0: return  # wholly outside the picture
        stencil = Image.new('L', size)
        ImageDraw.Draw(stencil).polygon((pixels - (x0, y0)).ravel().tolist(), fill=255)
        # The gradient is a strip of colours, looked up at each pixel's place along the axis.
        low, high = position.min(), position.max()
        along = self.to_units[shade.axis]
        dx, dy = along * (STRIP - 4) / (high - low)
        start = 2 + (along @ ((x0, y0) - self.origin) - low) * (STRIP - 4) / (high - low)
        strip = _strip(whole(shade.start), whole(shade.end))
        lookup = dx, dy, start, 0, 0, 0
        gradient = strip.transform(size, Image.Transform.AFFINE, lookup)
        self.image.paste(gradient, (x0, y0), stencil)

    def line(self, points, width, paint, alpha=1):
        "A line through `points`, with round ends; `width` is a number, or one for each point."
        points = np.asarray(points, float)
        self.fill(band(points, width), paint, alpha)
        if alpha < 1 or isinstance(paint, Shade): return  # caps would show as darker spots
        widths = np.broadcast_to(width, len(points))
        for i in (0, -1): self.disc(*points[i], widths[i] / 2, paint)

    def disc(self, x, y, rx, paint, ry=None, alpha=1):
        "A disc, or an ellipse when `ry` is given."
        self.fill(arc(x, y, rx, ry), paint, alpha)

    def rect(self, x0, y0, x1, y1, paint, r=0, alpha=1):
        "A rectangle, with corners rounded by `r`."
        self.fill(pill(x0, y0, x1, y1, r) if r else box(x0, y0, x1, y1), paint, alpha)

    def ball(self, x, y, r, dark, light, steps=10):
        "A sphere lit from the upper left: ever smaller and lighter discs."
        for t in np.linspace(0, 1, steps):
            shift = .38 * r * t
            self.disc(x - shift, y - shift, r * (1 - .85 * t), mix(dark, light, t ** .8))

    def tube(self, points, width, dark, light):
        "A shining pipe along `points`."
        width = np.asarray(width, float)
        points = np.asarray(points, float)
        self.line(points, width, dark)
        self.line(points - width[..., None] * .08, width * .6, mix(dark, light, .6))
        self.line(points - width[..., None] * .16, width * .2, light)

    def glow(self, x, y, rx, ry, colour, alpha=1):
        "A spot without edges: a light, a cloud's softness, or, in a dark colour, a shadow."
        scale = np.sqrt(abs(np.linalg.det(self.turn)))
        (cx, cy), rx, ry = self.turn @ (x, y) + self.origin, rx * scale, ry * scale
        size = max(round(2 * rx), 1), max(round(2 * ry), 1)
        spot = _spot(alpha).resize(size, Image.Resampling.NEAREST)
        corner = round(cx - rx), round(cy - ry)
        self.image.paste(Image.new('RGB', size, whole(colour)), corner, spot)

    def shadow(self, x, y, rx, ry=None, alpha=.6):
        "The soft shadow of an object on the ground at (x, y)."
        self.glow(x, y, rx, rx / 6 if ry is None else ry, INK, alpha)
