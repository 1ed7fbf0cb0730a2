"""What data are, wherever they are: an identity from names and contents of files.

Times and places do not count: a copy on another machine is the same data, and a label that was
corrected makes other data."""
import contextlib
import hashlib
import json
import os
import time
import unicodedata
from pathlib import Path

from .cache import cache_folder, write_whole
from .threads import in_threads

__all__ = ['CONTENT', 'MARKER', 'below', 'content_of', 'data_identity', 'file_digests']

# In a folder that was drawn: its recipe, and what `content_of` said when it was finished
MARKER, CONTENT = 'doodlenette.json', 'content.txt'


def data_identity(
    root: Path,           # a data set's folder
    files: list,          # its pictures, in any order
    labels: dict = None,  # from a picture's path to its label, where folders do not decide
    among: list = None,   # all pictures of the data set, if `files` are a part of them
) -> str:                 # 16 hexadecimal digits
    """The same for the same data, on every machine and at any time.

    It depends on the files' names below `root`, on their bytes, and on `labels`. Drawn data are
    what their recipe says, as long as nobody touched them: another version of Pillow writes the
    same picture in other bytes. Raises `OSError` for a file that cannot be read."""
    root = Path(root)
    recipe = _recipe_of(root, lambda: content_of(root, files if among is None else among))
    drawn = recipe is not None
    parts = [recipe, sorted(_names(root, files))] if drawn else [content_of(root, files)]
    if labels is not None: parts.append(sorted(_labels(root, labels).items()))
    return _short_hash(parts)


def content_of(
    root: Path,            # a data set's folder
    files: list,           # its pictures, in any order
    remember: bool = True,  # see `file_digests`
) -> str:                  # 16 hexadecimal digits
    "What data are by their bytes alone, drawn or not."
    digests = file_digests(files, remember)
    return _short_hash(sorted(zip(_names(root, files), digests)))


def _recipe_of(root, content):
    """From what recipe these data were drawn; None for others, and for what was changed since.

    `content()` takes long: it is asked for only if there is a recipe."""
    try: recipe = json.loads((root/MARKER).read_text(encoding='utf-8'))
    except (OSError, ValueError): return None
    if not isinstance(recipe, dict): return None
    before = _content_when_drawn(root)
    return recipe if before is None or before == content() else None

def _content_when_drawn(root):
    try: return (root/CONTENT).read_text(encoding='utf-8')
    except (OSError, ValueError): return None  # drawn by an earlier version


def below(
    file: str | Path,
    root: str | Path,  # a folder
) -> str:              # with slashes on every system
    "A file's name below `root`. Raises `ValueError` for one that is elsewhere."
    file, start = os.fspath(file), os.path.join(root, '')
    # what begins like that needs no parsing, which takes pathlib long
    if file.startswith(start): return file[len(start):].replace(os.sep, '/')
    return Path(file).relative_to(root).as_posix()


def _names(root, files):
    "Below `root`, composed: a Mac may write an umlaut as two characters."
    return [unicodedata.normalize('NFC', below(file, root)) for file in files]


def _labels(root, labels):
    return dict(zip(_names(root, labels), map(str, labels.values())))


def _short_hash(value):
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:16]


# --- digests

def file_digests(
    files: list,            # paths
    remember: bool = True,  # keep them in the cache folder, so that a second call is quick
) -> list:                  # of str: 32 hexadecimal digits for each
    """A digest of each file's bytes.

    What is remembered goes by path, size, times of the last change, and place on the disk.
    Raises `OSError` for a file that cannot be read."""
    paths = [os.path.abspath(file) for file in files]
    if not remember: return in_threads(_digest, paths)
    memory = _memory_of(paths)
    known = _recall(memory)
    versions = in_threads(_version, paths)
    changed = [i for i, path in enumerate(paths) if known.get(path, [None])[0] != versions[i]]
    digests = in_threads(_digest, [paths[i] for i in changed])
    new = {paths[i]: [versions[i], digest] for i, digest in zip(changed, digests)}
    if new: _memorize(memory, known | {p: v for p, v in new.items() if _is_settled(v[0])})
    return [(new.get(path) or known[path])[1] for path in paths]


def _digest(path): return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32]

def _version(path):
    "What changes when the file does, or another takes its place."
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]

def _is_settled(version, seconds=2):
    "A file that has just changed may change again within one tick of the file system's clock."
    return time.time_ns() - version[1] > seconds * 1e9


def _memory_of(paths):
    "The file that remembers digests of `paths`: one for each folder of data."
    try: folder = os.path.commonpath(paths)
    except ValueError: folder = ''  # none, or on several drives
    name = hashlib.sha256(folder.encode('utf-8', 'surrogateescape')).hexdigest()[:16]
    return cache_folder()/'digests'/f'{name}.json'


def _recall(memory):
    try: known = json.loads(memory.read_text(encoding='utf-8'))
    except (OSError, ValueError): return {}
    return known if isinstance(known, dict) else {}


def _memorize(memory, known):
    # a folder that cannot be written to costs time, no more
    with contextlib.suppress(OSError): write_whole(memory, json.dumps(known))
