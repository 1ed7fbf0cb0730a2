"""A folder with one array of decoded pictures, and facts about them.

It is made whole or not at all, checked when it is read, and made again from what is still right
in an earlier one. Here is also what there is of them, and how to be rid of it."""
import contextlib
import hashlib
import json
import os
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .cache import (
    cache_folder,
    new_folder,
    one_at_a_time,
    remove_drafts,
    remove_folder,
    reserve,
)
from .checks import known, number
from .content import below
from .threads import in_threads
from .wording import reason

__all__ = [
    'Stored', 'build_store', 'check_store', 'fingerprint', 'list_stores', 'read_store',
    'remove_stores', 'stores_folder']

FORMAT = 2  # of the files in a store; raise it when they change
OF_EACH = 'files', 'states', 'aspects', 'checksums'  # facts of each picture
KEYS = 'version', 'root', 'side', *OF_EACH, 'skipped', 'errors'


def stores_folder() -> Path:
    "Where the library keeps its stores."
    return cache_folder()/'presized'


def fingerprint(
    root: Path,   # a data set's folder
    files: list,  # its pictures
) -> str:
    "A short name for the content of a data set: it changes when one of its files does."
    return hashlib.sha256(repr(_states(root, files)).encode()).hexdigest()[:12]


def _states(root, files):
    "For each file its name below `root`, its size and its time: the same as long as it is."
    stats = [(below(file, root), os.stat(file)) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in stats]


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
    version: str = '',       # of `decode`; name another one when it gives other arrays
):
    """Decode all files into `folder`, unless there is a sound store already.

    Of several processes that need it at the same time, one builds it, and the others wait.
    What an earlier store of the same `root`, `side` and `version` has of them is copied; it is
    removed if nothing else in it is of use. Raises `ValueError` naming the file for a picture
    that cannot be decoded, `DiskFull` before it begins where there is no room."""
    root = Path(root).absolute()
    about = dict(format=FORMAT, version=version, root=str(root), side=side)
    if not _is_sound(folder, about):
        with one_at_a_time(folder):
            if not _is_sound(folder, about):  # nobody made it in the meantime
                _build(folder, about, files, decode, on_error, workers, progress)
    if on_error == 'raise': _check_none_skipped(root, folder)


def _build(folder, about, files, decode, on_error, workers, progress):
    earlier = _earlier_stores(folder, about)
    if folder not in earlier: remove_folder(folder)  # nothing in it can be read
    with new_folder(folder) as draft:
        build = _Build(about, files, decode, earlier.values())
        build.write(draft, on_error, workers, progress)
        if not _is_sound(folder, about): remove_folder(folder)
    _remove_superseded(earlier, folder, build.states)


def _is_sound(folder, about):
    "Whether there is a store that tells the same `about` itself; its place does not matter."
    try: _, facts = read_store(folder)
    except ValueError: return False
    return all(facts[key] == about[key] for key in ('version', 'side'))


def _check_none_skipped(root, folder):
    facts = _read_facts(folder)
    if not facts['skipped']: return
    name, n = facts['skipped'][0], len(facts['skipped'])
    raise _undecodable(root/name, facts['errors'][0], n, n + len(facts['files']))


def _undecodable(file, why, n, total):
    return ValueError(
        f"{file} cannot be decoded ({why}): remove or replace it, or build with "
        f"on_error='skip'. {n} of {total} pictures are like that")


class _Build:
    "The making of one store: each picture is copied from an earlier one, or decoded."
    def __init__(self, about, files, decode, earlier):
        self.about, self.files, self.decode = about, files, decode
        self.root = Path(about['root'])
        self.states = _states(self.root, files)
        self.known = {}  # by state: where the picture is
        for images, facts in earlier:
            for row, state in enumerate(_stored_states(facts)):
                self.known[state] = images[row], facts['aspects'][row], facts['checksums'][row]

    def write(self, draft, on_error, workers, progress):
        "Fill the folder `draft`."
        with _Rows(draft/'images.npy', len(self.files), self.about['side']) as rows:
            def write_row(row): return self._write_row(rows, row)
            made = in_threads(write_row, range(len(self.files)), workers, progress)
            good = [row for row, (*_, error) in enumerate(made) if error is None]
            if on_error == 'raise': self._check_all_decoded(made)
            rows.keep(good)
        facts = self.about | self._facts(made, good)
        (draft/'facts.json').write_text(json.dumps(facts), encoding='utf-8')
        _note_checked(draft)

    def _write_row(self, rows, row):
        "Write one picture: (aspect ratio, checksum, error or None)."
        try: image, aspect = self._copied(row) or self._decoded(row)
        except Exception as error: return None, None, error
        rows.write(row, image)
        return aspect, zlib.crc32(image), None

    def _copied(self, row):
        "The picture as an earlier store has it, if it is undamaged there."
        image, aspect, checksum = self.known.get(self.states[row], (b'', None, None))
        return (image, aspect) if zlib.crc32(image) == checksum else None

    def _decoded(self, row):
        image, aspect = self.decode(self.files[row])
        image = np.ascontiguousarray(image, np.uint8)
        if image.shape != (shape := (self.about['side'], self.about['side'], 3)):
            raise ValueError(f"it became an array of shape {image.shape}, not {shape}")
        return image, aspect

    def _check_all_decoded(self, made):
        errors = [(file, error) for file, (*_, error) in zip(self.files, made)]
        bad = [(file, error) for file, error in errors if error is not None]
        if not bad: return
        file, error = bad[0]
        raise _undecodable(file, reason(error), len(bad), len(made)) from error

    def _facts(self, made, good):
        skipped = sorted(set(range(len(made))) - set(good))
        return dict(
            aspects=[made[row][0] for row in good],
            files=[self.states[row][0] for row in good],
            states=[self.states[row][1:] for row in good],
            checksums=[made[row][1] for row in good],
            skipped=[self.states[row][0] for row in skipped],
            errors=[reason(made[row][2]) for row in skipped])


class _Rows:
    """The file of an array that several threads write.

    Not through a memory map: where a disk is full after all, a map kills Python, and a write
    raises an error."""
    HEADER = 128  # bytes

    def __init__(self, file, n, side):
        self.shape, self.size, self.lock = (side, side, 3), side*side*3, threading.Lock()
        reserve(file, self.HEADER + n*self.size)
        self.file = open(file, 'r+b')

    def __enter__(self): return self
    def __exit__(self, *error): self.file.close()

    def write(self, row, image):
        with self.lock:
            self.file.seek(self.HEADER + row*self.size)
            self.file.write(image)

    def _read(self, row):
        self.file.seek(self.HEADER + row*self.size)
        return self.file.read(self.size)

    def keep(self, rows):
        "End the file as an array of these rows alone, which are sorted."
        for new, old in enumerate(rows):
            if new != old: self.write(new, self._read(old))
        self.file.truncate(self.HEADER + len(rows)*self.size)
        self.file.seek(0)
        self.file.write(self._header(len(rows)))

    def _header(self, n):
        "As NumPy's format 1.0 has it, of a length that does not depend on `n`."
        words = dict(descr='|u1', fortran_order=False, shape=(n, *self.shape))
        magic = b'\x93NUMPY\x01\x00' + (self.HEADER - 10).to_bytes(2, 'little')
        return magic + repr(words).encode().ljust(self.HEADER - 11) + b'\n'


# --- earlier stores

def _earlier_stores(folder, about):
    "What `read_store` gives of each store that can be of use, damaged pictures included."
    found = {}
    for other in _folders(folder.parent):
        with contextlib.suppress(ValueError):
            facts = _read_facts(other)
            if all(facts[key] == value for key, value in about.items()):
                found[other] = _open_images(other, facts), facts
    return found


def _folders(folder):
    "Finished stores, sorted, whatever state they are in."
    if not folder.is_dir(): return []
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith('.'))


def _stored_states(facts):
    return [(name, *state) for name, state in zip(facts['files'], facts['states'])]


def _remove_superseded(earlier, folder, states):
    """Remove stores that have nothing of use that `folder` has not: what is only there was
    changed or removed in the data set."""
    states = set(states)
    for other, (_, facts) in earlier.items():
        only_there = (state for state in _stored_states(facts) if state not in states)
        if other != folder and not any(map(_Current(facts['root']), only_there)):
            remove_folder(other)


class _Current:
    "Whether a file still is in the state that was noted."
    def __init__(self, root): self.root = Path(root)

    def __call__(self, state):
        try: return _states(self.root, [self.root/state[0]]) == [state]
        except OSError: return False


# --- reading

def read_store(
    folder: Path,  # a store that `build_store` made
) -> tuple:        # (memory-mapped array of bytes, n × side × side × 3; dict of facts)
    """Open a store; the array is read from disk where it is used.

    If its file was touched since it was last checked, the checksums of all pictures are
    compared: half a second for a gigabyte. Raises `ValueError` that says what is wrong with a
    store that is damaged or outdated."""
    folder = Path(folder)
    try:
        facts = _read_facts(folder)
        images = _open_images(folder, facts)
        if not _was_checked(folder): _check_pixels(folder, images, facts)
    except ValueError as error: raise ValueError(
        f"{folder} is no sound store of pictures: {error}. "
        "Remove it, and build it again") from error
    _note_checked(folder)
    return images, facts


def _read_facts(folder):
    "Raises `ValueError` for facts that are missing, damaged or outdated."
    try: facts = json.loads((folder/'facts.json').read_text(encoding='utf-8'))
    except OSError as error: raise ValueError(error) from error
    if not isinstance(facts, dict) or 'format' not in facts:
        raise ValueError("facts.json does not hold what it should")
    if facts['format'] != FORMAT: raise ValueError(
        f"it has format {facts['format']}, and this version reads format {FORMAT}")
    if missing := [key for key in KEYS if key not in facts]:
        raise ValueError(f"facts.json lacks {', '.join(missing)}")
    if len({len(facts[key]) for key in OF_EACH}) != 1:
        raise ValueError("facts.json does not tell the same of each picture")
    return facts


def _open_images(folder, facts):
    # 'c': PyTorch asks for an array that it may write to; what is written stays in memory
    try: images = np.load(folder/'images.npy', mmap_mode='c')
    except (OSError, EOFError) as error: raise ValueError(error) from error
    shape = len(facts['files']), facts['side'], facts['side'], 3
    if images.dtype != np.uint8 or images.shape != shape: raise ValueError(
        f"images.npy holds {images.dtype} of shape {images.shape}, not uint8 of shape {shape}")
    return images


def _check_pixels(folder, images, facts):
    bad = _damaged(images, facts)
    if bad: raise ValueError(
        f"{len(bad)} of its {len(images)} pictures are damaged, {bad[0]} first")


def _damaged(images, facts, part=256):
    "Names of the pictures whose bytes are not those that were written."
    def of_part(start):
        rows = range(start, min(start + part, len(images)))
        return [row for row in rows if zlib.crc32(images[row]) != facts['checksums'][row]]
    bad = in_threads(of_part, range(0, len(images), part))
    return [facts['files'][row] for rows in bad for row in rows]


# The file `checked` tells in which state images.npy was found sound; its time is that of the
# store's last use.

def _was_checked(folder):
    try: return json.loads((folder/'checked').read_text()) == _state_of_images(folder)
    except (OSError, ValueError): return False


def _note_checked(folder):
    with contextlib.suppress(OSError):  # a cache that others keep may be read-only
        (folder/'checked').write_text(json.dumps(_state_of_images(folder)))


def _state_of_images(folder):
    stat = (folder/'images.npy').stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


# --- what there is of them

@dataclass(frozen=True)
class Stored:
    "A store on disk, as `sotatrain cache` lists it."
    folder: Path
    root: Path = None      # the data set's folder; `None` if the store cannot be read
    side: int = None       # of the squares, px
    pictures: int = None
    size: int = 0          # bytes
    last_use: float = 0.   # seconds since 1970
    useless: str = ''      # why nothing can use it any more, if so

    @property
    def name(self): return self.folder.name

    @property
    def days(self):
        "Since the last use."
        return (time.time() - self.last_use) / (24*3600)


def list_stores(
    folder: Path = None,  # where they are; `stores_folder()` if not given
) -> list:                # of `Stored`, by name
    "All stores. Reads their facts, not their pictures."
    return [_stored(store) for store in _folders(folder or stores_folder())]


def _stored(folder):
    files = [file for file in folder.rglob('*') if file.is_file()]
    stats = [file.stat() for file in files]
    on_disk = dict(
        size=sum(stat.st_size for stat in stats),
        last_use=max((stat.st_mtime for stat in stats), default=folder.stat().st_mtime))
    try: facts = _read_facts(folder)
    except ValueError as error: return Stored(folder, **on_disk, useless=str(error))
    root = Path(facts['root'])
    gone = '' if root.is_dir() else 'the data set is gone'
    return Stored(folder, root, facts['side'], len(facts['files']), **on_disk, useless=gone)


def remove_stores(
    names: list = (),          # of stores to remove, beside those that nothing can use
    older_than: float = None,  # and those that were not used for so many days
    folder: Path = None,       # where they are; `stores_folder()` if not given
) -> list:                     # of `Stored`: what was removed
    """Remove stores that nothing can use any more, drafts of processes that were killed, and
    what else is asked for.

    Raises `TypeError` for a name that no store has, `ValueError` for an impossible number."""
    if older_than is not None: number('older_than', older_than)
    folder, stores = folder or stores_folder(), list_stores(folder)
    known('the cache', names, [store.name for store in stores])
    remove_drafts(folder)
    chosen = [
        store for store in stores
        if store.useless or store.name in names
        or older_than is not None and store.days > older_than]
    for store in chosen: remove_folder(store.folder)
    return [store for store in chosen if not store.folder.exists()]


def check_store(
    folder: Path,  # a store
) -> list:         # names of the pictures that are damaged
    """Read a whole store, and compare its checksums. One that is damaged is checked again when
    it is next used, and made again.

    Raises `ValueError` if it cannot be read at all."""
    facts = _read_facts(folder)
    bad = _damaged(_open_images(folder, facts), facts)
    if bad: (folder/'checked').unlink(missing_ok=True)
    return bad
