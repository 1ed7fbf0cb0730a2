"""Work spread over processes, devices and machines, by whatever has `submit`; and processes of
this machine that do so."""
import os
import pickle
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

from ..core.checks import optional, whole
from ..core.docs import document
from ..core.machine import has_gpu
from ..core.processes import portable

__all__ = ['Workers', 'dask_executor', 'spread']

REPEATS = 2   # of work whose worker died
PAUSE = .1    # seconds between two looks at what is done
PATIENCE = 10  # seconds until a scheduler answers
ALONE = threading.Lock()  # a process has one generator of random numbers


def spread(
    executor,  # has `submit(function, *args)`, which gives what has `done()` and `result()`
    function,
    jobs: dict,  # arguments by name
):
    """Pairs (name, what `function` gives), as they are done.

    Work whose worker died is given to another one, twice at most; then, and if the executor
    takes no more work, `ChildProcessError` says which it was. An error of the function is
    raised when all that is done was given. What has not begun is cancelled then, and after
    Ctrl-C."""
    running, deaths = {}, Counter()
    try:
        for name in jobs: running[_submit(executor, function, jobs, name)] = name
        while running:
            done = [future for future in running if future.done()]
            if not done: time.sleep(PAUSE)
            failed = []
            for future in done:
                name, outcome = running.pop(future), _outcome(future)
                if isinstance(outcome, _Failed): failed.append((name, outcome))
                else: yield name, outcome
            for name, failure in failed:
                _check_may_be_repeated(name, failure, deaths)
                running[_submit(executor, function, jobs, name)] = name
    finally:
        for future in running: future.cancel()


def _submit(executor, function, jobs, name):
    try: return executor.submit(_attempt, function, *jobs[name])
    except BrokenExecutor as error: raise ChildProcessError(
        f"a worker died, and its executor takes no more work, such as {name}: what was "
        "finished is kept; call it again with a new executor, or with Workers(n), which "
        "replaces a worker that dies") from error


class _Failed:
    "An error, of the function or of the worker."
    def __init__(self, error, died=False): self.error, self.died = error, died


def _attempt(function, *args):
    "In a worker: errors of the function are results, so others are those of the worker."
    try:
        with ALONE: return function(*args)
    except Exception as error: return _Failed(portable(error))
    except KeyboardInterrupt as stop:  # of a run that has left a checkpoint, and says so
        if not str(stop): raise
        return _Failed(portable(stop), died=True)


def _outcome(future):
    try: return future.result()
    except Exception as error: return _Failed(error, died=True)


STUCK = pickle.PicklingError, AttributeError, ImportError  # of what is not known elsewhere


def _check_may_be_repeated(name, failure, deaths):
    if not failure.died: raise failure.error
    if isinstance(failure.error, STUCK): raise TypeError(
        f"{name}: what it needs cannot travel to a worker ({failure.error}): define it in a "
        "module that workers can import") from failure.error
    deaths[name] += 1
    # Dask has repeated it already
    if deaths[name] <= REPEATS and type(failure.error).__name__ != 'KilledWorker': return
    raise ChildProcessError(
        f"{name}: it failed with its worker {deaths[name]} times, at last by "
        f"{type(failure.error).__name__} {failure.error}; what was finished is kept. Is there "
        "too little memory? Take a smaller batch, or fewer workers") from failure.error


# Processes of this machine

class Workers(Executor):
    """Processes of this machine, for `compare(executor=…)`, each with a GPU of its own as far
    as there are any, or else with its share of the cores. One that dies is replaced.

    A script has to protect itself from being run again by them, with
    `if __name__ == '__main__':`. Left by an error or by Ctrl-C, they are ended at once."""
    def __init__(self,
        n: int = None,  # how many; one for each GPU, or else one for each core, if not given
    ):
        optional(whole)('n', n)
        n = n or _gpus() or os.cpu_count() or 1
        self.free, self.all = SimpleQueue(), [_Worker(number, n) for number in range(n)]
        for worker in self.all: self.free.put(worker)
        self.threads = ThreadPoolExecutor(n)

    def submit(self, function, /, *args, **kwargs):
        return self.threads.submit(self._run, function, args, kwargs)

    def _run(self, *call):
        worker = self.free.get()
        try: return worker.run(call)
        finally: self.free.put(worker)

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait: self.end()

    def end(self):
        "End all processes, whatever they are doing."
        for worker in self.all: worker.end()

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.threads.shutdown(wait=False, cancel_futures=True)
            self.end()
        return super().__exit__(kind, error, trace)


class _Worker:
    "A process, started when it is first needed."
    def __init__(self, number, of):
        self.place = number, of
        self.process, self.ended = None, False
        self.lock = threading.Lock()  # none is ended half started

    def run(self, call):
        if self.process is None:
            with self.lock: self._start()
        try:
            self.pipe.send(call)
            worked, result = self.pipe.recv()
        except (EOFError, OSError) as error:
            status = self._joined()
            raise BrokenExecutor(f'its process ended with status {status}') from error
        if worked: return result
        raise result

    def _start(self):
        from multiprocessing import get_context
        if self.ended: raise BrokenExecutor('the workers have been ended')
        context = get_context('spawn')  # a fork has the locks of all threads, and no GPU
        self.pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, *self.place), daemon=True)
        process.start()
        self.process = process
        theirs.close()  # so that its end is noticed

    def _joined(self):
        process, self.process = self.process, None
        if process is None: return None
        process.join()
        return process.exitcode

    def end(self):
        with self.lock: self.ended = True
        process = self.process  # a thread that waits for it may set it to None
        if process is not None: process.kill()


def _serve(pipe, number, of):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those that wait
    _take_place(number, of)
    while True:
        try: function, args, kwargs = pipe.recv()
        except EOFError: return  # nobody waits any more
        except Exception as error: outcome = False, portable(error)  # it is not known here
        else: outcome = _called(function, args, kwargs)
        pipe.send(outcome)


def _called(function, args, kwargs):
    try: return True, function(*args, **kwargs)
    except Exception as error: return False, portable(error)


def _gpus():
    if not has_gpu(): return 0
    import torch
    return torch.cuda.device_count()


def _take_place(number, of):
    "A GPU, or a share of the cores."
    if n := _gpus():
        import torch
        torch.cuda.set_device(number % n)
    elif 'OMP_NUM_THREADS' not in os.environ:
        threads = max(1, (os.cpu_count() or 1) // of)
        os.environ['OMP_NUM_THREADS'] = str(threads)
        # a script that is run again has imported it
        if 'torch' in sys.modules: sys.modules['torch'].set_num_threads(threads)


# Machines

@contextmanager
def dask_executor(
    address: str,  # of the scheduler, such as 'tcp://10.0.0.1:8786'
):
    """An executor of Dask's, until the block ends.

    Raises `ImportError` without Dask, `OSError` if nobody answers there."""
    try:
        from distributed import Client
    except ImportError: raise ImportError(
        "Dask is not installed: pip install 'sotatrain[cluster]'") from None
    try: client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error: raise OSError(
        f"no scheduler of Dask answers at {address!r} ({error}): start one with "
        "`dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`") from error
    with client: yield client.get_executor(pure=False)


document(__name__)
