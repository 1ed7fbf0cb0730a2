"""How a chapter is executed: how its kernel is started, and how one talks to it.

`python -I tools/kernels.py CHAPTER.ipynb OUT.ipynb [PROFILE]` executes one, also in an
environment that knows nothing of the course (-I: nor of the modules beside this one, of which
some are called as Python's own)."""
import sys
from pathlib import Path
from queue import Empty

import papermill
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets.config import Config

__all__ = ['KERNELS', 'Channel', 'Client', 'execute']


class Channel(AsyncZMQSocketChannel):
    """Looks each second whether a message has come.

    A socket says so only once, and whoever sends something may take it for heard. The answer
    to a cell with a widget, whose state nbclient sends meanwhile, could wait there for ever
    (github.com/jupyter/nbclient/issues/312)."""
    async def get_msg(self, timeout=None):
        while timeout is None:
            try: return await super().get_msg(1)
            except Empty: pass
        return await super().get_msg(timeout)


class Client(AsyncKernelClient):
    shell_channel_class = Channel

    def start_channels(self):
        """Without the heartbeat: whether a kernel lives, its process says.

        Its thread opens a new socket whenever a kernel is silent. Where that happens just as
        the kernel's context ends, the context waits for ever for this socket to close."""
        super().start_channels(hb=False)


# Without encryption, kernels warn that others may listen.
KERNELS = Config(KernelManager=dict(transport_encryption='required', client_factory=Client))
# At a chapter's end its kernel is interrupted, and some say so, as an error.
SILENTLY = '--log-level=CRITICAL'
# How Jupyter begins to say that a kernel has not said a word
NO_WORD = 'Kernel died before replying', "Kernel didn't respond"


def execute(source, target, parameters, attempts=3):
    """Run a notebook with papermill, in a kernel that starts in the notebook's own folder.

    `target` is written once, at the end: after each cell, as is papermill's habit, takes
    seconds, and an interruption would leave half a chapter where a whole one was.

    A kernel that never says a word is started again, with new ports: they are chosen first and
    taken later, and another kernel may have had the same idea in between. It does not always
    die of that; then Jupyter waits for a minute."""
    for attempts_left in reversed(range(attempts)):
        try: return papermill.execute_notebook(
            str(source), str(target), parameters, cwd=str(Path(source).resolve().parent),
            progress_bar=False, kernel_name='python3', config=KERNELS,
            extra_arguments=[SILENTLY], request_save_on_cell_execute=False)
        except RuntimeError as error:
            if not (attempts_left and str(error).startswith(NO_WORD)): raise


if __name__ == '__main__':
    source, target, *profile = sys.argv[1:]
    execute(source, target, dict(profile=profile[0]) if profile else {})
