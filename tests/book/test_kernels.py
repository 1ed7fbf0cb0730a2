"""How the course talks to its kernels: no answer is overheard."""
import asyncio
import sys
import time

import zmq
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbformat import read
from nbformat.v4 import new_code_cell, new_notebook, writes

from tools import rehearsal
from tools.kernels import Channel, Client, execute, kernels


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


def test_a_chapter_is_executed_by_this_client(tmp_path):
    client = NotebookClient(new_notebook(), config=kernels(tmp_path))
    client.create_kernel_manager()
    assert isinstance(client.km.client(), Client)


def test_no_two_kernels_can_want_the_same_port(tmp_path):
    asks = ("from pathlib import Path\nfrom ipykernel.kernelapp import IPKernelApp\n"
            "app = IPKernelApp.instance()\nPath(app.ip).parent, app.transport")
    spec = dict(name='python3', display_name='python3', language='python')
    notebook = new_notebook(cells=[new_code_cell(asks)], metadata=dict(kernelspec=spec))
    (tmp_path/'in.ipynb').write_text(writes(notebook))
    said = []
    for out in ('one.ipynb', 'two.ipynb'):
        execute(tmp_path/'in.ipynb', tmp_path/out, {})
        [output] = read(tmp_path/out, 4).cells[0].outputs
        said.append(output.data['text/plain'])
    assert said[0] != said[1] and all("'ipc'" in text for text in said)


def test_the_rehearsal_executes_a_chapter_in_a_folder_of_its_own(tmp_path):
    "With the profile, and no module of tools/ in its way: one is called as Python's `numbers`."
    cells = [new_code_cell("profile = 'cpu'", metadata=dict(tags=['parameters'])),
             new_code_cell("import numbers\nnumbers.Number, profile")]
    chapter = tmp_path/'chapter.ipynb'
    spec = dict(name='python3', display_name='python3', language='python')
    notebook = new_notebook(cells=cells, metadata=dict(kernelspec=spec))
    chapter.write_text(writes(notebook))
    content = tmp_path/'content'
    result = rehearsal.run(sys.executable, chapter, content, 'smoke')
    assert not result.error, result.error
    assert "'smoke'" in (content/'ran_chapter.ipynb').read_text()


def test_the_rehearsal_says_what_failed(tmp_path):
    chapter = tmp_path/'chapter.ipynb'
    chapter.write_text(writes(new_notebook(cells=[new_code_cell("raise OSError('no disk')")])))
    result = rehearsal.run(sys.executable, chapter, tmp_path/'content', 'smoke')
    assert result.error == 'OSError: no disk'
