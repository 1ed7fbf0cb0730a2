"""Which questions were answered right: a small file in the library's cache folder."""
import contextlib
import json
from datetime import datetime, timezone

from .cache import cache_folder, write_whole

__all__ = ['answered', 'remember']


def answered() -> dict:
    "By a question's id: whether it was answered right once, how many tries it took, and when."
    try: notes = json.loads(_file().read_text(encoding='utf-8'))
    except (OSError, ValueError): return {}
    return notes if isinstance(notes, dict) else {}


def remember(
    id: str,      # of a question
    right: bool,  # whether the answer was right
):
    "Note one more try. What was right once stays so."
    notes = answered()
    before = notes.get(id, {'right': False, 'tries': 0})
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    notes[id] = dict(right=before['right'] or right, tries=before['tries'] + 1, date=now)
    # A folder that cannot be written to is no reason to withhold a verdict.
    with contextlib.suppress(OSError): write_whole(_file(), json.dumps(notes, indent=1))


def _file(): return cache_folder()/'progress.json'
