"""Files and folders that are made whole or not at all, and never without a word about a disk
that is full."""
import contextlib
import errno
import glob
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from .wording import reason

try:
    import fcntl
except ImportError: fcntl = None  # Windows

__all__ = [
    'DiskFull', 'cache_folder', 'check_writable', 'explained', 'is_full', 'keep', 'megabytes',
    'new_file', 'new_folder', 'one_at_a_time', 'only_one', 'remove_drafts', 'remove_folder',
    'reserve', 'write_or_keep', 'write_whole']


def cache_folder() -> Path:
    """Where the library keeps what it makes: the environment variable `SOTATRAIN_CACHE`, or
    ~/.cache/sotatrain."""
    folder = os.environ.get('SOTATRAIN_CACHE') or Path.home()/'.cache'/'sotatrain'
    return Path(folder).expanduser().absolute()


# --- room on a disk

FULL = {errno.ENOSPC, errno.EDQUOT}  # a disk, or one's share of it
LEAST = 2**16  # bytes: with less, a disk is as good as full
WITHOUT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}  # a file system that cannot reserve


class DiskFull(OSError):
    "There is no room: how much is needed, how much is free, and where."
    def __init__(self, text):
        super().__init__(text)
        self.text, self.errno = text, errno.ENOSPC

    # fastai adds to an exception's arguments where it happened: they are not shown
    def __str__(self): return self.text


def is_full(error: Exception) -> bool:
    "Whether an error is the system's for a disk without room."
    return isinstance(error, OSError) and error.errno in FULL


def reserve(
    file: Path,  # made, or emptied
    size: int,   # bytes
):
    """Make a file with room for `size` bytes: what is written there later finds it.

    Raises `DiskFull` if there is no such room."""
    with explained(file.parent, size), open(file, 'wb') as out:
        if size > _free(file.parent): raise OSError(errno.ENOSPC, 'too little room')
        if size and hasattr(os, 'posix_fallocate'): _allocate(out, size)


def _allocate(out, size):
    try: os.posix_fallocate(out.fileno(), 0, size)
    except OSError as error:
        if error.errno not in WITHOUT: raise


@contextlib.contextmanager
def explained(folder, size=0):
    "Says more of a full disk than the system does: `size` bytes are needed in `folder`."
    try: yield
    except DiskFull: raise
    except Exception as error:
        if not (is_full(error) or _may_mean_full(error, folder)): raise
        needed = f'{megabytes(size)} are needed, and ' if size else ''
        raise DiskFull(
            f"the disk of {folder} is full: {needed}{megabytes(_free(folder))} are free. Make "
            "room, or choose another disk: the environment variable SOTATRAIN_CACHE says where "
            "the cache is, and `sotatrain cache` what is in it") from error


def _may_mean_full(error, folder):
    "PyTorch's writer has a `RuntimeError` for whatever goes wrong, and does not say what."
    return isinstance(error, RuntimeError) and _free(folder) < LEAST


def _free(folder): return shutil.disk_usage(folder).free


def megabytes(size: int) -> str:
    "Bytes in words: `'2.4 MB'`, `'1,024 MB'`."
    return f'{size / 1e6:,.{0 if size >= 1e7 else 1}f} MB'


# --- files

@contextlib.contextmanager
def new_file(
    file: Path,  # its name to be; it may exist
):
    """A draft to write, which becomes `file` in one step when the block ends.

    Anyone who reads `file` finds the old content or the new one. After an exception nothing is
    left of the draft."""
    draft = _draft_of(file)
    try:
        with explained(file.parent): yield draft
        os.replace(draft, file)
    finally: draft.unlink(missing_ok=True)


def _draft_of(file):
    "A name of its own for each writer, short enough for any file system."
    return file.with_name(f'.{file.name[:40]}-{uuid.uuid4().hex}.draft')


def write_whole(file: Path, text: str):
    "Write `text` into `file`, or replace it, in one step. Makes its folder."
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as draft: draft.write_text(text, encoding='utf-8')


def check_writable(
    file: Path,     # where something will be written
    size: int = 0,  # bytes that it will need, if they are known
) -> Path:          # the same, absolute
    """Try out, before work of hours, whether its result can be written. Leaves nothing.

    Raises `OSError` that names the file and the way out: `FileNotFoundError` if its folder does
    not exist, `IsADirectoryError` for a folder, `PermissionError`, `DiskFull`."""
    file = Path(file).expanduser().absolute()
    try:
        if not file.parent.is_dir(): raise FileNotFoundError(
            f"{file.parent} does not exist: make this folder, or choose another one")
        if file.is_dir(): raise IsADirectoryError(
            f"{file} is a folder: name a file in it, such as {file/'learner.pkl'}")
        if file.exists() and not file.is_file(): raise FileExistsError(
            f"{file} is a device or a pipe: name an ordinary file")
        _try_out(file, size)
    except OSError as error:
        if error.strerror is None: raise  # one of ours
        raise type(error)(
            f"{file} cannot be written ({error.strerror}): choose another place") from None
    return file


def _try_out(file, size):
    draft = _draft_of(file)
    try: reserve(draft, size)
    finally: draft.unlink(missing_ok=True)


def write_or_keep(
    file: Path,    # where the result belongs
    write,         # a function that writes it into the file that it gets
    spare=None,    # another one, for the case that this fails; the same if not given
) -> Path:         # `file`
    """Write a result that took long, in one step.

    If that fails, the result is kept elsewhere: in the cache folder, or where the system keeps
    temporary files. Raises `OSError` that says why, and where it is."""
    file = Path(file)
    try:
        with new_file(file) as draft: write(draft)
    except Exception as error:
        kept = keep(file.name, spare or write)
        where = f'what was computed is kept as {kept}' if kept else 'nor anywhere else'
        raise OSError(f"{file} could not be written ({reason(error)}); {where}") from error
    return file


def keep(
    name: str,  # what the file's name ends with
    write,      # a function that writes it into the file that it gets
) -> Path:      # the file, or `None`
    "Write a result where that is possible: in the cache, or where temporary files are."
    for folder in (cache_folder()/'kept', Path(tempfile.gettempdir())):
        file = folder/f'{uuid.uuid4().hex[:8]}-{name[-40:]}'
        with contextlib.suppress(Exception):
            folder.mkdir(parents=True, exist_ok=True)
            with new_file(file) as draft: write(draft)
            return file


# --- folders

@contextlib.contextmanager
def new_folder(
    path: Path,  # its name to be; there must be nothing, or an empty folder
):
    """A folder to fill, which becomes `path` in one step when the block ends.

    After an exception nothing is left of it. If another process made `path` in the meantime,
    that one stays. Raises `DiskFull` where the system says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_drafts(path.parent, path.name)
    with (
        explained(path.parent),
        tempfile.TemporaryDirectory(prefix=_prefix(path.name), dir=path.parent,
                                    ignore_cleanup_errors=True) as draft,
        _held(Path(draft)/'lock'),
    ):
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


def _prefix(name): return f'.{name}-draft-'


@contextlib.contextmanager
def _held(file):
    "Hold a lock, which goes with this process, however that may end."
    with open(file, 'w') as lock:
        _locked(lock)
        yield


NO_LOCKS = errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP


def _locked(lock, share=False, wait=True):
    "Whether there is a lock now: Windows and some disks that are shared have none."
    if not fcntl: return False
    how = (fcntl.LOCK_SH if share else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try: fcntl.flock(lock, how)
    except OSError as error:
        if error.errno not in NO_LOCKS: raise
        return False
    return True


@contextlib.contextmanager
def only_one(
    file: Path,  # the lock: made if need be, and left there
    what: str,   # that only one process may do at a time
):
    """Inside, this process has `what` for itself; the lock goes with it, however it may end.

    Raises `BlockingIOError` that names the process that has it, where there are locks."""
    with open(file, 'a+', encoding='utf-8') as lock:
        try: _locked(lock, wait=False)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES): raise
            lock.seek(0)
            raise BlockingIOError(
                f"{what} is in use by process {lock.read() or 'unknown'}: wait until that "
                "one is over, or choose another one") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def one_at_a_time(
    path: Path,  # what several processes may make at the same time
):
    """Inside, there is one process of this machine: the others wait, and find what it made.

    Where locks are not possible they all make it, which `new_folder` allows."""
    name = hashlib.sha256(str(path.absolute()).encode('utf-8', 'surrogateescape')).hexdigest()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a cache that others keep may be read-only
            locks = cache_folder()/'locks'
            locks.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_held(locks/name[:16]))
        yield


def remove_folder(
    path: Path,  # it need not exist
):
    "Remove a folder; its name is free at once, so nobody finds half of it."
    away = path.with_name(f'{_prefix(path.name)}{uuid.uuid4().hex}')
    with contextlib.suppress(OSError):  # another process was faster; Windows has it open
        path.rename(away)
        shutil.rmtree(away, ignore_errors=True)


def remove_drafts(
    folder: Path,      # where they are
    name: str = None,  # of what they were to become; all if not given
) -> list:             # of those that were removed
    "Remove what was left of `new_folder` by processes that were killed."
    pattern = _prefix('*' if name is None else glob.escape(name)) + '*'
    drafts = [draft for draft in folder.glob(pattern) if _is_left(draft)]
    for draft in drafts: shutil.rmtree(draft, ignore_errors=True)
    return drafts


def _is_left(draft, age=24*3600):
    """Whether the process that made a draft is gone. Where no lock tells, time does: nothing
    here takes a day to make (`age` is in seconds)."""
    with contextlib.suppress(OSError):  # of an older version, or removed at this very moment
        if (draft/'lock').exists():
            with open(draft/'lock') as lock:
                if _locked(lock, share=True, wait=False): return True
        return time.time() - draft.stat().st_mtime > age
    return False
