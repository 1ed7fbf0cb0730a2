"""How the course talks to its kernels: no answer is overheard, none is awaited in vain."""
import asyncio
import json
import sys
import time

import papermill
import pytest
import zmq
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel, HBChannel
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import read
from nbformat.v4 import new_code_cell, new_notebook, writes

from tools import rehearsal
from tools.kernels import KERNELS, Channel, Client, execute


def notebook(folder, *code):
    "A chapter, as a file: of cells, or of their code."
    spec = dict(name='python3', display_name='python3', language='python')
    cells = [new_code_cell(one) if isinstance(one, str) else one for one in code]
    path = folder/'chapter.ipynb'
    path.write_text(writes(new_notebook(cells=cells, metadata=dict(kernelspec=spec))))
    return path


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


def test_no_thread_opens_sockets_while_a_kernel_ends(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(HBChannel, 'start', lambda channel: started.append(channel))
    execute(notebook(tmp_path, '1'), tmp_path/'out.ipynb', {})
    assert started == []


def test_a_kernel_that_dies_is_noticed(tmp_path):
    dying = notebook(tmp_path, 'import os; os._exit(1)')
    with pytest.raises(DeadKernelError): execute(dying, tmp_path/'out.ipynb', {})


STARTS = """import os, sys
before = sum(name.startswith('start-') for name in os.listdir())
open(f'start-{before}', 'w').close()
if before < int(os.environ['FAILURES']): sys.exit(1)
os.execv(sys.executable, [sys.executable, '-m', 'ipykernel_launcher', *sys.argv[1:]])"""


@pytest.fixture
def failing(tmp_path, monkeypatch):
    "A chapter, whose first `FAILURES` kernels die at once."
    spec = tmp_path/'kernels'/'python3'
    spec.mkdir(parents=True)
    (spec/'kernel.json').write_text(json.dumps(dict(
        argv=[sys.executable, '-c', STARTS, '-f', '{connection_file}'],
        metadata=dict(supported_encryption=['curve']),
        display_name='python3', language='python')))
    monkeypatch.setenv('JUPYTER_PATH', str(tmp_path))
    return notebook(tmp_path, '6*7')


def starts(folder): return len(list(folder.glob('start-*')))


def test_a_kernel_that_dies_before_its_first_word_is_started_again(
        failing, tmp_path, monkeypatch):
    monkeypatch.setenv('FAILURES', '2')
    execute(failing, tmp_path/'out.ipynb', {})
    [output] = read(tmp_path/'out.ipynb', 4).cells[0].outputs
    assert output.data['text/plain'] == '42' and starts(tmp_path) == 3


@pytest.mark.parametrize('said,times', [
    ("Kernel didn't respond in 60 seconds", 3), ('anything else', 1)])
def test_so_is_one_that_is_silent_and_no_other(said, times, tmp_path, monkeypatch):
    tries = []
    def silent(*args, **kwargs):
        tries.append(args)
        raise RuntimeError(said)
    monkeypatch.setattr(papermill, 'execute_notebook', silent)
    with pytest.raises(RuntimeError, match=said): execute('a', 'b', {})
    assert len(tries) == times


def test_not_for_ever(failing, tmp_path, monkeypatch):
    monkeypatch.setenv('FAILURES', '9')
    with pytest.raises(RuntimeError, match='Kernel died before'):
        execute(failing, tmp_path/'out.ipynb', {})
    assert starts(tmp_path) == 3


def test_the_rehearsal_executes_a_chapter_in_a_folder_of_its_own(tmp_path):
    "With the profile, and no module of tools/ in its way: one is called as Python's `numbers`."
    profile = new_code_cell("profile = 'cpu'", metadata=dict(tags=['parameters']))
    chapter = notebook(tmp_path, profile, "import numbers\nnumbers.Number, profile")
    content = tmp_path/'content'
    result = rehearsal.run(sys.executable, chapter, content, 'smoke')
    assert not result.error, result.error
    assert "'smoke'" in (content/'ran_chapter.ipynb').read_text()


def test_the_rehearsal_says_what_failed(tmp_path):
    chapter = notebook(tmp_path, "raise OSError('no disk')")
    result = rehearsal.run(sys.executable, chapter, tmp_path/'content', 'smoke')
    assert result.error == 'OSError: no disk'
