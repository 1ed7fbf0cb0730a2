"""A folder with one array of decoded pictures, and facts about them.

It is made whole or not at all, and checked when it is read."""
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from .cache import new_folder
from .threads import in_threads

__all__ = ['build_store', 'fingerprint', 'read_store']

FORMAT = 1  # of the files in a store; raise it when they change


def fingerprint(
    root: Path,   # a data set's folder
    files: list,  # its pictures
) -> str:
    "A short name for the content of a data set: it changes when one of its files does."
    stats = [(file.relative_to(root).as_posix(), file.stat()) for file in files]
    content = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


# --- building

def build_store(
    folder: Path,            # its name to be
    root: Path,              # the data set's folder
    files: list,             # its pictures
    decode,                  # from a file to (array of bytes, aspect ratio)
    side: int,               # of the arrays, which are side × side × 3
    on_error: str = 'raise',  # a picture that cannot be decoded: 'raise' an error, or 'skip' it
    workers: int = None,     # threads
    progress: bool = False,  # show a progress bar
):
    """Decode all files into `folder`, unless there is a sound store already.

    Raises `ValueError` naming the file for a picture that cannot be decoded."""
    if folder.exists() and _read_or_none(folder) is None: shutil.rmtree(folder)
    if folder.exists(): return
    with new_folder(folder) as draft:
        decoded = _decode_into(draft/'images.npy', files, decode, side, workers, progress)
        bad = [row for row, (_, error) in enumerate(decoded) if error is not None]
        if bad and on_error == 'raise': raise _undecodable(files, decoded, bad)
        if bad: _drop_rows(draft/'images.npy', bad)
        _write_facts(draft/'facts.json', [file.relative_to(root) for file in files], decoded)


def _decode_into(file, files, decode, side, workers, progress):
    "Write the arrays of `files`. For each, a pair: (aspect ratio, None), or (None, error)."
    images = np.lib.format.open_memmap(file, 'w+', np.uint8, (len(files), side, side, 3))
    def write(row):
        try: image, aspect = decode(files[row])
        except Exception as error: return None, error
        images[row] = image
        return aspect, None
    decoded = in_threads(write, range(len(files)), workers, progress)
    images.flush()
    return decoded


def _undecodable(files, decoded, bad):
    first = bad[0]
    _, error = decoded[first]
    return ValueError(
        f"{files[first]} cannot be decoded ({error}): remove or replace it, or build with "
        f"on_error='skip'. {len(bad)} of {len(files)} pictures are like that")


def _drop_rows(file, rows):
    "Write the array again without `rows`."
    images = np.load(file, mmap_mode='r')
    keep = np.setdiff1d(np.arange(len(images)), rows)
    draft = file.with_name('kept.npy')
    kept = np.lib.format.open_memmap(draft, 'w+', np.uint8, (len(keep), *images.shape[1:]))
    for new, old in enumerate(keep): kept[new] = images[old]
    kept.flush()
    del images, kept  # Windows does not replace a file that is open
    draft.replace(file)


def _write_facts(file, names, decoded):
    names = [name.as_posix() for name in names]
    good = [(name, aspect) for name, (aspect, error) in zip(names, decoded) if error is None]
    facts = dict(
        format=FORMAT,
        aspects=[aspect for _, aspect in good],
        files=[name for name, _ in good],
        skipped=[name for name, (_, error) in zip(names, decoded) if error is not None])
    file.write_text(json.dumps(facts), encoding='utf-8')


# --- reading

def read_store(
    folder: Path,  # a store that `build_store` made
) -> tuple:        # (memory-mapped array of bytes, n × side × side × 3; dict of facts)
    """Open a store; the array is read from disk where it is used.

    Raises `ValueError` that says what is wrong with one that is damaged or outdated."""
    try:
        facts = json.loads((folder/'facts.json').read_text(encoding='utf-8'))
        _check_format(facts)
        # 'c': PyTorch asks for an array that it may write to; what is written stays in memory
        images = np.load(folder/'images.npy', mmap_mode='c')
        _check_shape(images, facts)
    except (OSError, ValueError, KeyError, EOFError) as error: raise ValueError(
        f"{folder} is no sound store of pictures: {error}. "
        "Remove it, and build it again") from error
    return images, facts


def _check_format(facts):
    if facts['format'] != FORMAT: raise ValueError(
        f"it has format {facts['format']}, and this version reads format {FORMAT}")


def _check_shape(images, facts):
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != len(facts['files']):
        raise ValueError(
            f"images.npy holds {images.dtype} of shape {images.shape} "
            f"for {len(facts['files'])} files")


def _read_or_none(folder):
    "What `read_store` gives; None for a damaged store."
    try: return read_store(folder)
    except ValueError: return None
