"""What a picture is: by its file's name, and as the one way from anything to a Pillow image.

Names are judged by a fixed list: what the machine says (`mimetypes`) differs between machines,
and a data set must not."""
import contextlib
import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .threads import in_threads
from .wording import short

__all__ = ['SUFFIXES', 'has_picture_name', 'check_picture', 'check_pictures', 'check_range',
           'lazy_picture', 'open_picture', 'picture_errors', 'upright', 'NoPicture',
           'OutOfRange']

SUFFIXES = frozenset('''.jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff
                        .ppm .pgm .pbm .pnm .tga .jp2'''.split())


def has_picture_name(
    file: str | Path,
) -> bool:
    "Whether the name ends as a picture's does (`SUFFIXES`), in small or capital letters."
    return os.path.splitext(file)[1].lower() in SUFFIXES


def check_picture(
    file: str | Path,
):
    """Open a file's header, not its pixels.

    Raises what `picture_errors` raises."""
    with picture_errors(file), Image.open(file): pass


_SOUND = set()  # versions of files whose headers were read by this process

def check_pictures(
    files: list,  # paths
):
    """Open the headers of many files; those that were sound, again only once they changed.

    Raises what `check_picture` raises, for the first one that is not sound."""
    new = {file: version for file in files if (version := _version(file)) not in _SOUND}
    with warnings.catch_warnings():
        # of large pictures, which are no attack here
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        in_threads(check_picture, list(new))
    _SOUND.update(new.values())


def _version(file):
    "What changes when a file does. Raises what `picture_errors` raises."
    with picture_errors(file): stat = os.stat(file)
    return os.path.abspath(file), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def lazy_picture(
    source,            # path, bytes, open file, Pillow image, NumPy array or tensor
    name: str = None,  # what errors call it; the path if there is one
) -> Image.Image:      # as Pillow opens it: the pixels of a file are still on disk
    """A picture from wherever it is.

    Arrays and tensors are height × width, with 1, 3 or 4 channels first or last; where both
    could be meant, tensors have them first, arrays last. They hold whole numbers (uint8, or
    uint16 for gray), or fractions from 0 to 1.

    Raises `TypeError` and `ValueError` for an array that is no picture and for a `source` of
    another kind, and what `picture_errors` raises."""
    if isinstance(source, Image.Image): return source
    name = name or name_of(source)
    if hasattr(source, 'requires_grad'): return _from_array(name, _to_numpy(source), True)
    if isinstance(source, np.ndarray): return _from_array(name, source, False)
    if isinstance(source, (bytes, bytearray, memoryview)): source = io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)): source = Path(source).expanduser()
    elif not hasattr(source, 'read'): raise TypeError(
        f"{short(source)} is no picture: give a path, bytes, an open file, a Pillow image, "
        "an array or a tensor")
    with picture_errors(name): return Image.open(source)


def open_picture(
    source,            # see `lazy_picture`
    name: str = None,  # what errors call it; the path if there is one
) -> Image.Image:      # in its own mode, upright, its pixels in memory
    """One picture from wherever it is, whole.

    Raises what `lazy_picture` raises."""
    image = lazy_picture(source, name)
    try:
        with picture_errors(name or name_of(source)): return upright(image)
    finally:
        if isinstance(source, (str, os.PathLike)): image.close()  # opened here, closed here


def upright(
    image: Image.Image,  # as Pillow opens it
) -> Image.Image:
    "As the camera was held: turned and mirrored by its EXIF note, if there is one."
    image.load()
    try: return ImageOps.exif_transpose(image)
    # a damaged note is as good as none, and no reason to lose a picture
    except Exception: return image.copy()


def name_of(source) -> str:
    "What an error calls a picture."
    if isinstance(source, (str, os.PathLike)): return os.fspath(source)
    named = getattr(source, 'filename', None) or getattr(source, 'name', None)
    return str(named) if named else 'the picture'


class NoPicture(ValueError):
    "A file that no picture can be made of; who trains may want to leave it out."


class OutOfRange(ValueError):
    "Values of a picture that Pillow can read, and nobody knows what is white."


def check_range(
    values: np.ndarray,
    white: int,  # black is 0
):
    "Raises `OutOfRange` for values that are below black, above white, or NaN."
    low, high = values.min(), values.max()
    if low >= 0 and high <= white: return
    kind = 'fractions' if np.issubdtype(values.dtype, np.floating) else 'whole numbers'
    raise OutOfRange(
        f"gray from {low:,.6g} to {high:,.6g}, and {kind} must be from 0, black, to {white:,}, "
        "white: scale them, and save it again, or leave it out")


@contextlib.contextmanager
def picture_errors(
    name: str,  # of a picture, usually its path
):
    """What goes wrong while a picture is read, as one sentence that names it.

    Raises `FileNotFoundError` for a file that is not there, and `ValueError` for one that
    cannot be read, whatever Pillow raises; among that, a picture of so many pixels that Pillow
    takes it for an attack; and for values out of range."""
    try: yield
    except FileNotFoundError: raise FileNotFoundError(
        f"{name} does not exist, or is a broken link: check the name, or remove it") from None
    except OutOfRange as error: raise NoPicture(f"{name} has {error}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NoPicture(_too_large(name)) from None
    except Exception as error:
        known = isinstance(error, UnidentifiedImageError)  # it only says the name again
        reason = '' if known else f' ({str(error) or type(error).__name__})'
        raise NoPicture(f"{name} is not a picture that Pillow can read{reason}: "
                        "remove or replace it") from None if known else error


def _too_large(name):
    # Pillow warns above its limit, and refuses above twice that
    return (f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS / 1e6:,.0f} million pixels, "
            "and Pillow refuses it: make it smaller or, if you trust your pictures, "
            "write `PIL.Image.MAX_IMAGE_PIXELS = None` before")


# --- arrays

def _to_numpy(tensor):
    tensor = tensor.detach().cpu()
    # NumPy has no bfloat16
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _from_array(name, array, channels_first):
    "A Pillow image with the values of `array`; see `lazy_picture`."
    values = _eight_bits(name, _channels_last(name, array, channels_first))
    return Image.fromarray(np.ascontiguousarray(values))


def _channels_last(name, array, channels_first):
    "height × width, or height × width × 3 or 4."
    channels = 1, 3, 4
    if array.ndim == 3:
        first, last = array.shape[0] in channels, array.shape[2] in channels
        if first and (channels_first or not last): array = array.transpose(1, 2, 0)
        if array.shape[2] == 1: array = array[..., 0]
    good = array.ndim == 2 or array.ndim == 3 and array.shape[2] in channels
    if good and array.size: return array
    raise ValueError(
        f"{name} is an array of {' × '.join(map(str, array.shape)) or 'no size'}: one picture "
        "is height × width, or height × width × 3, or 3 × height × width")


def _eight_bits(name, array):
    "Whole numbers as they are, fractions from 0 to 1 as bytes."
    if array.dtype == np.uint8 or array.dtype == np.uint16 and array.ndim == 2: return array
    if not np.issubdtype(array.dtype, np.floating): raise TypeError(
        f"{name} has values of type {array.dtype}: a picture has uint8, from 0 to 255, "
        "gray may have uint16, from 0 to 65,535, or there are fractions from 0 to 1")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1): raise ValueError(  # NaN is neither
        f"{name} has values from {low:.4g} to {high:.4g}: fractions must be from 0 to 1, so "
        "divide by 255, or undo what normalized them")
    return np.round(array.astype(np.float32) * 255).astype(np.uint8)
