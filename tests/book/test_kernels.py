"""How the course talks to its kernels: no answer is overheard."""
import asyncio
import time

import zmq
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbformat.v4 import new_notebook

from tools.kernels import KERNELS, Channel, Client


def heard(channel_class):
    "Whether a client finds an answer although somebody else has taken the word of it."
    async def talk():
        here, there = zmq.asyncio.Context().socket(zmq.PAIR), zmq.Context().socket(zmq.PAIR)
        port, session = here.bind_to_random_port('tcp://127.0.0.1'), Session()
        there.connect(f'tcp://127.0.0.1:{port}')
        answer = asyncio.ensure_future(channel_class(here, session).get_msg())
        await asyncio.sleep(.2)
        session.send(there, 'execute_reply', content={'status': 'ok'})
        time.sleep(.5)  # it has arrived, and the loop had no time to look
        zmq.Socket.shadow(here.underlying).get(zmq.EVENTS)
        try: return (await asyncio.wait_for(answer, 4))['msg_type'] == 'execute_reply'
        except asyncio.TimeoutError: return False
        finally:
            for socket in (here, there): socket.close(0)
    return asyncio.run(talk())


def test_an_answer_is_found_although_nobody_says_that_it_came(): assert heard(Channel)


def test_jupyter_alone_would_wait_for_ever():
    "Once this fails, `Channel` can go."
    assert not heard(AsyncZMQSocketChannel)


def test_a_chapter_is_executed_by_this_client():
    client = NotebookClient(new_notebook(), config=KERNELS)
    client.create_kernel_manager()
    assert isinstance(client.km.client(), Client)
