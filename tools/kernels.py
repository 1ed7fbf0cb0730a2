"""How a chapter is executed: how its kernel is started, and how one talks to it.

`python -I tools/kernels.py CHAPTER.ipynb OUT.ipynb [PROFILE]` executes one, also in an
environment that knows nothing of the course (-I: nor of the modules beside this one, of which
some are called as Python's own)."""
import sys
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory

import papermill
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets.config import Config

__all__ = ['Channel', 'Client', 'execute', 'kernels']


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


def kernels(folder) -> Config:
    """Kernels whose sockets are files in a folder of their own.

    Ports are chosen first and taken later: of two kernels that start at the same moment, one
    may find that the other has its port, and die."""
    return Config(KernelManager=dict(
        transport='ipc', ip=str(Path(folder)/'kernel'), client_factory=Client))


# At a chapter's end its kernel is interrupted, and some say so, as an error.
SILENTLY = '--log-level=CRITICAL'


def execute(source, target, parameters):
    """Run a notebook with papermill, in a kernel that starts in the notebook's own folder.

    `target` is written once, at the end: after each cell, as is papermill's habit, takes
    seconds, and an interruption would leave half a chapter where a whole one was."""
    with TemporaryDirectory() as sockets: papermill.execute_notebook(
        str(source), str(target), parameters, cwd=str(Path(source).resolve().parent),
        progress_bar=False, kernel_name='python3', config=kernels(sockets),
        extra_arguments=[SILENTLY], request_save_on_cell_execute=False)


if __name__ == '__main__':
    source, target, *profile = sys.argv[1:]
    execute(source, target, dict(profile=profile[0]) if profile else {})
