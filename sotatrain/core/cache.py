"""Folders and files that are made whole or not at all."""
import contextlib
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

__all__ = ['cache_folder', 'new_folder', 'write_whole']


def cache_folder() -> Path:
    """Where the library keeps what it makes: the environment variable `SOTATRAIN_CACHE`, or
    ~/.cache/sotatrain."""
    folder = os.environ.get('SOTATRAIN_CACHE') or Path.home()/'.cache'/'sotatrain'
    return Path(folder).expanduser().absolute()


@contextlib.contextmanager
def new_folder(
    path: Path,  # its name to be; there must be nothing, or an empty folder
):
    """A folder to fill, which becomes `path` in one step when the block ends.

    After an exception nothing is left of it. If another process made `path` in the meantime,
    that one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    with tempfile.TemporaryDirectory(prefix=_prefix(path), dir=path.parent,
                                     ignore_cleanup_errors=True) as draft:
        folder = Path(draft)/'folder'
        folder.mkdir()
        yield folder
        _publish(folder, path)


def _publish(folder, path):
    try:
        # an empty folder may be replaced, a full one raises OSError
        if path.is_dir(): path.rmdir()
        folder.rename(path)
    except OSError:
        if not path.is_dir(): raise


def _prefix(path): return f'.{path.name}-draft-'


def _remove_leftovers(path, age=24*3600):
    """Remove the drafts of processes that were killed: nothing here takes a day to make
    (`age` is in seconds)."""
    for draft in path.parent.glob(_prefix(path) + '*'):
        with contextlib.suppress(OSError):  # its process may remove it at this very moment
            if time.time() - draft.stat().st_mtime > age: shutil.rmtree(draft)


def write_whole(file: Path, text: str):
    """Write `text` into `file`, or replace it, in one step: anyone who reads it finds the old
    text or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # a name of its own for each writer
    draft = file.with_name(f'.{file.name}-{uuid.uuid4().hex}.draft')
    try:
        draft.write_text(text, encoding='utf-8')
        os.replace(draft, file)
    finally: draft.unlink(missing_ok=True)
