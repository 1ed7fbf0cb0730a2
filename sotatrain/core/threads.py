"""One function, many items, all of the machine's cores."""
import os
from concurrent.futures import ThreadPoolExecutor

__all__ = ['in_threads']


def in_threads(
    function,
    items,                   # anything that has a length
    workers: int = None,     # threads; one for each core if not given
    progress: bool = False,  # show a progress bar
) -> list:
    "`function` of each item, in order. An interruption does not wait for what has not begun."
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        results = pool.map(function, items)
        if progress:
            from fastprogress import progress_bar  # here: who shows no bar need not wait for it
            results = progress_bar(results, total=len(items), leave=False)
        try: return list(results)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
