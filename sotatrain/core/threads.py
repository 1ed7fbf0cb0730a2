"""One function, many items, all of the machine's cores; and a bar, if someone looks."""
import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor

__all__ = ['ahead_in_threads', 'behind_bar', 'in_notebook', 'in_threads', 'shows_bars']


def shows_bars() -> bool:
    "Whether someone looks: a bar is noise in a file, and in a pipe."
    if sys.stdout is not None and sys.stdout.isatty(): return True
    return in_notebook() or 'PYCHARM_HOSTED' in os.environ


def in_notebook() -> bool:
    "Is there a page that can show HTML?"
    if 'IPython' not in sys.modules: return False
    shell = sys.modules['IPython'].get_ipython()
    return shell is not None and hasattr(shell, 'kernel')


def behind_bar(items, total, show=True):
    "`items`, behind a progress bar if it is to be shown, there is one, and someone looks."
    if not show or not shows_bars(): return items
    try:
        from fastprogress import progress_bar  # here: it takes longer than most commands
    except ImportError: return items
    return progress_bar(items, total=total, leave=False)


def in_threads(
    function,
    items,                   # anything that has a length
    workers: int = None,     # threads; one for each core if not given
    progress: bool = False,  # show a progress bar
) -> list:
    "`function` of each item, in order. An interruption does not wait for what has not begun."
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        results = behind_bar(pool.map(function, items), len(items), progress)
        try: return list(results)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def ahead_in_threads(
    function,
    items,                # any iterable, endless ones too: it is read as far as is needed
    ahead: int = 64,      # results at most that are made, or being made, and not yet taken
    workers: int = None,  # threads; one for each core if not given
):
    """Yields `function` of each item, in order, and works on the next ones meanwhile.

    An error of `function`, or of `items`, is raised when its turn comes. If nobody takes any
    more, what has not begun never does."""
    pool, waiting = ThreadPoolExecutor(workers or os.cpu_count()), deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead: yield waiting.popleft().result()
        while waiting: yield waiting.popleft().result()
    finally: pool.shutdown(cancel_futures=True)
