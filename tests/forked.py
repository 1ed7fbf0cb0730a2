"""Real processes that cost no seconds: forked by a server that has imported the library once.

Where a system cannot do that, they are started anew."""
import itertools
import multiprocessing
import os
import sys
import traceback

METHOD = 'forkserver' if 'forkserver' in multiprocessing.get_all_start_methods() else 'spawn'
CONTEXT = multiprocessing.get_context(METHOD)
if METHOD == 'forkserver': CONTEXT.set_forkserver_preload(
    ['sotatrain.all', 'sotatrain.cli', 'sotatrain.experiment.training', 'pytest',
     'matplotlib.pyplot', 'IPython.core.interactiveshell'])
NUMBERS = itertools.count()


class Forked:
    """A function in a process of its own, whose output goes into files.

    It has the environment of now, and then `changes`."""
    def __init__(self, folder, function, *args, **changes):
        number = next(NUMBERS)
        self.files = [folder/f'{name}-{number}' for name in ('out', 'err')]
        self.process = CONTEXT.Process(
            target=_run, args=(self.files, {**os.environ, **changes}, os.getcwd(),
                               function, args))
        self.process.start()

    @property
    def out(self): return self.files[0].read_text() if self.files[0].exists() else ''

    @property
    def err(self): return self.files[1].read_text() if self.files[1].exists() else ''

    def poll(self): return self.process.exitcode
    def kill(self): self.process.kill()
    def send_signal(self, number): os.kill(self.process.pid, number)

    def wait(self, timeout=120):
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutError(f'it takes more than {timeout} s: {self.out}{self.err}')
        return self.process.exitcode


def _run(files, environment, folder, function, args):
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for file, stream in zip(files, (sys.stdout, sys.stderr)):
        with open(file, 'wb') as to: os.dup2(to.fileno(), stream.fileno())
        stream.reconfigure(line_buffering=True)
    try: function(*args)
    except Exception:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
