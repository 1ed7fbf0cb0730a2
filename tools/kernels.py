"""How the course's kernels are started, and how it talks to them."""
from queue import Empty

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets.config import Config

__all__ = ['KERNELS', 'SILENTLY', 'Channel', 'Client']


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


# Without encryption, kernels warn that others may listen.
KERNELS = Config(KernelManager=dict(transport_encryption='required', client_factory=Client))
# At a chapter's end its kernel is interrupted, and some say so, as an error.
SILENTLY = '--log-level=CRITICAL'
