"""Calling a function that may never return."""
import ctypes
import threading

__all__ = ['TimeIsUp', 'with_patience']


class TimeIsUp(Exception):
    "The function did not return in time."

class _Stop(BaseException): pass


def with_patience(
    seconds: float,  # how long to wait
    function,
    *args,
):
    """What `function(*args)` returns or raises.

    Raises `TimeIsUp` after so many seconds, and stops the function. It runs in a thread of its
    own. Python stops a thread between two of its own steps only: a function that waits inside
    compiled code goes on there, without harm, until it comes back to Python."""
    outcome = {}
    def run():
        try: outcome['result'] = function(*args)
        # kept, and raised again where the reader sees it
        except BaseException as error: outcome['error'] = error
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ident, stop = ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, stop)
        raise TimeIsUp(f"no answer after {seconds:g} seconds")
    if 'error' in outcome: raise outcome['error']
    return outcome['result']
