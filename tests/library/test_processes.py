"""One run in several processes."""
import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import groupby
from types import SimpleNamespace

import pytest
import torch
from fastai.vision.all import nn
from hypothesis import given
from hypothesis import strategies as st

from sotatrain.cli import main as cli
from sotatrain.core import processes
from sotatrain.core.processes import Share
from sotatrain.doodlenette import doodlenette
from sotatrain.experiment import (
    Recipe,
    SharedBatchNorm,
    compare,
    load_runs,
    own,
    store,
    train,
)
from sotatrain.experiment.together import check_shares
from sotatrain.presize import get_dls
from tests.forked import Forked
from tests.library.fakes import SMALL

pytestmark = pytest.mark.usefixtures('own_cache')

# 11 pictures of validation: 10, and one for which two processes are too many
PLAIN = dict(data='doodlenette-20-11', size=16, presize=16, epochs=3, bs=10, bf16=False)
RECIPES = dict(
    plain=PLAIN | dict(arch='NoNorm', lr=.03, augment={'flip': 0.}, cbs=[
        'Seen', 'AlternateFlip', 'WhitenStem', 'AverageWeights']),
    norm=PLAIN | dict(
        arch={'plain_net': {'widths': [4, 4, 8], 'blocks': [1]}}, lr=.01, opt='muon',
        cbs=['Seen', 'MixUp']),
    dies=PLAIN | dict(arch='NoNorm', lr=.03, cbs=['Dies']),
    stops=PLAIN | dict(
        arch={'plain_net': {'widths': [4, 4, 8], 'blocks': [1]}}, lr=.01, opt='muon',
        cbs=['Stops', 'MixUp', 'AverageWeights', 'TrivialColours']))
COMPARED = 'plain', 'norm', 'dies'


# --- shares of a batch

@given(st.integers(1, 40), st.integers(1, 9))
def test_shares_are_equal_and_together_a_batch(n, of):
    shares = [Share(rank, of).places(n) for rank in range(of)]
    assert len({*map(len, shares)}) == 1
    together = sum(shares, [])
    assert together[:n] == [*range(n)]
    assert {*together[n:]} <= {n - 1} and len(together) < n + of


def loaders(share):
    dls = get_dls(24, 10, doodlenette(n_train=20, n_val=10), seed=3, device='cpu')
    for dl in dls.loaders: dl.share = share
    return dls


def test_a_share_has_the_crops_that_one_process_makes():
    whole, *parts = map(loaders, [Share(), Share(0, 2), Share(1, 2)])
    for _ in range(2):
        for (x, y), *shares in zip(whole.train, *(part.train for part in parts)):
            assert torch.equal(torch.cat([x for x, _ in shares]), x)
            assert torch.equal(torch.cat([y for _, y in shares]), y)


def test_a_share_of_a_validation_has_the_targets_of_all():
    (x, y), = loaders(Share()).valid
    for rank in range(3):
        (part, targets), = loaders(Share(rank, 3)).valid
        assert torch.equal(targets, y)
        assert torch.equal(part, x[Share(rank, 3).places(10)])


# --- before they meet

@pytest.fixture
def launched(monkeypatch):
    "As if this were process 1 of several."
    def launch(n=2):
        values = dict(RANK=1, LOCAL_RANK=1, WORLD_SIZE=n, MASTER_ADDR='here', MASTER_PORT=1)
        for name, value in values.items(): monkeypatch.setenv(name, str(value))
    return launch


def test_who_is_who_is_in_the_environment(launched, monkeypatch):
    assert (processes.rank(), processes.count(), processes.is_first()) == (0, 1, True)
    launched(4)
    assert (processes.rank(), processes.count(), processes.is_first()) == (1, 4, False)
    monkeypatch.delenv('MASTER_ADDR')  # a cluster may set some of them for other purposes
    assert (processes.rank(), processes.count()) == (0, 1)


@pytest.mark.parametrize('changes, n, message', [
    (dict(bs=5), 2, 'bs=5 pictures cannot be split evenly over 2 processes: make it 4 or 6'),
    (dict(bs=2), 3, 'over 3 processes: make it 3$'),
    (dict(loader='datablock'), 2, "loader='datablock' is for one process"),
])
def test_what_cannot_be_shared_is_refused(launched, changes, n, message):
    check_shares(recipe := Recipe(**SMALL | changes))
    launched(n)
    with pytest.raises(ValueError, match=message): check_shares(recipe)


def test_an_executor_and_several_processes_exclude_each_other(launched):
    launched()
    with pytest.raises(ValueError, match='take one of the two'):
        compare([Recipe(**SMALL)], executor=object())


def test_a_wrong_command_is_told_by_one_process(launched, capsys):
    def status():
        with pytest.raises(SystemExit) as stop: cli(['train', 'no-such-file.json'])
        return stop.value.code
    assert 'no-such-file.json cannot be read' in status()
    launched()
    assert status() == 1


def test_what_one_has_said_the_others_do_not_repeat(launched, monkeypatch):
    launched()
    assert processes.last_words('bs is wrong') == 1
    monkeypatch.setattr(processes, '_MET', [torch.distributed.HashStore()])
    words = 'bs is wrong', 'bs is wrong', 'the memory is full'
    assert [*map(processes.last_words, words)] == ['bs is wrong', 1, 'the memory is full']


def test_an_error_that_tells_of_a_death_says_what_to_do(launched):
    gloo = RuntimeError('[/gloo/transport/tcp/pair.cc:544] Connection closed by peer')
    with pytest.raises(RuntimeError, match='pair.cc'), processes.losses_explained(): raise gloo
    launched()
    with pytest.raises(processes.Lost, match='start the same command again'):
        with processes.losses_explained(): raise gloo
    with pytest.raises(KeyError), processes.losses_explained(): raise KeyError


@pytest.mark.parametrize('device, n, message', [
    ('cuda:3', 8, "device='cuda:3' is one GPU"), (None, 1, 'has 1 GPUs.*start 1 processes')])
def test_each_process_takes_a_gpu_of_its_own(launched, monkeypatch, device, n, message):
    taken = []
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: n)
    monkeypatch.setattr(torch.cuda, 'set_device', taken.append)
    launched()
    with pytest.raises(ValueError, match=message): processes._take_gpu(device)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    processes._take_gpu('cuda')
    assert taken == [1]


# --- batch norm of the whole batch

def where(net): return [tensor.data_ptr() for tensor in net.state_dict().values()]


def test_shared_batch_norm_is_pytorchs_during_a_fit_only(launched):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4)))
    layer, places = net[1][0], where(net)
    cb = SharedBatchNorm()
    cb.learn = SimpleNamespace(model=net, dls=SimpleNamespace(device=torch.device('cuda')))
    cb.before_fit()
    assert net[1][0] is layer
    launched()
    for _ in range(2):  # a fit that is interrupted, and the next one
        cb.before_fit()
        assert type(net[1][0]) is nn.SyncBatchNorm and net[1][0].weight is layer.weight
        assert where(net) == places
    cb.after_fit()
    assert net[1][0] is layer
    cb.learn.dls.device = torch.device('cpu')
    with pytest.raises(ValueError, match='SharedBatchNorm needs GPUs'): cb.before_fit()


def test_alone_a_process_needs_no_shared_batch_norm(tiny_network):
    runs = [train(Recipe(**SMALL | dict(cbs=cbs)), progress=False)
            for cbs in ([], ['SharedBatchNorm'])]
    assert runs[0].epochs[0]['train_loss'] == runs[1].epochs[0]['train_loss']


# --- two real processes

@pytest.fixture(scope='module')
def ended(shared_cache, tmp_path_factory):
    "A comparison in two processes, of which one is killed in the last of three runs."
    folder = tmp_path_factory.mktemp('two')
    for name in COMPARED: (folder/f'{name}.json').write_text(json.dumps(RECIPES[name]))
    changes = dict(SOTATRAIN_CACHE=str(shared_cache), SEEN=str(folder), OMP_NUM_THREADS='1')
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node', '2',
         '-m', 'tests.library.two_processes', 'compare', '--name', 'x', '--seeds', '1',
         '--results', str(folder), *(str(folder/f'{name}.json') for name in COMPARED)],
        env=os.environ | changes, capture_output=True, text=True, timeout=300)
    return SimpleNamespace(
        status=done.returncode, out=done.stdout, err=done.stderr, folder=folder,
        runs={run.recipe.name: run for run in load_runs('x', folder)})


def seen(folder, network):
    "What was seen in each epoch, of training or not, by each process: pictures, answers."
    lists = [json.loads(file.read_text()) for file in sorted(folder.glob(f'{network}-*.json'))]
    for batches in zip(*lists):
        (training, epoch, *_), *_ = batches
        yield (training, epoch), [(drawn, answers) for _, _, drawn, answers in batches]


@pytest.mark.parametrize('network', ['NoNorm', 'Sequential'])
def test_two_processes_see_each_picture_once_an_epoch(ended, network):
    epochs = groupby(seen(ended.folder, network), key=lambda pair: pair[0])
    n = 0
    for (training, _), batches in epochs:
        shares = [share for _, shares in batches for share in shares]
        drawn = sorted(picture for pictures, _ in shares for picture in pictures)
        if training: assert drawn == [*range(20)]
        else: assert sorted({*drawn}) == [*range(11)] and len(drawn) == 12
        if not training: assert [answers for _, answers in shares] == [10, 10, 1, 1]
        n += 1
    assert n == 6


@pytest.fixture
def own_things():
    "What the two processes have registered, here."
    before = {**own.OWN}
    from tests.library import two_processes
    for name in ('NoNorm', 'Seen', 'Stops', 'Dies'): own.OWN[name] = vars(two_processes)[name]
    yield
    own.OWN.clear()
    own.OWN.update(before)


def test_without_batch_norm_two_processes_learn_what_one_does(
    ended, own_things, monkeypatch, tmp_path,
):
    monkeypatch.setenv('SEEN', str(tmp_path))
    alone = train(Recipe(**RECIPES['plain']), progress=False)
    together = ended.runs['plain']
    assert (alone.conditions['processes'], together.conditions['processes']) == (1, 2)
    for one, two in zip(alone.epochs, together.epochs, strict=True):
        assert two['train_loss'] == pytest.approx(one['train_loss'], abs=1e-4)
        assert two['valid_loss'] == pytest.approx(one['valid_loss'], abs=1e-4)
        assert two['accuracy'] == one['accuracy']
    assert together.tflop == alone.tflop


@pytest.mark.parametrize('name', ['plain', 'norm'])
def test_what_two_processes_score_together_is_what_one_scores(ended, name):
    "At the end of a run, one process scores all pictures with the weights of the last epoch."
    run = ended.runs[name]
    assert run.epochs[-1]['accuracy'] == run.accuracy
    assert run.epochs[-1]['valid_loss'] == pytest.approx(run.log_loss, abs=2e-6)


def test_one_process_speaks(ended):
    lines = ended.out.splitlines()
    assert [line.split(', train')[0] for line in lines] == [
        f'{name}, seed 0: epoch {epoch} of 3'
        for name in ('plain', 'norm') for epoch in (1, 2, 3)] + [
        'dies, seed 0: epoch 1 of 3'] * (len(lines) - 6)


LOST = 'sotatrain: one of 2 processes has died or was killed'


def test_a_process_that_is_killed_ends_all_and_finished_runs_are_kept(ended):
    assert ended.status != 0
    assert [*ended.runs] == ['plain', 'norm']
    assert ended.err.count(LOST) <= 1  # `torchrun` may end the other one before it notices
    assert 'SIGKILL' in ended.err


# --- that are interrupted

class Pair:
    "Two processes that carry out a command together."
    def __init__(self, folder, *words, **changes):
        # where they meet outlives them, as with `torchrun`
        self.store = torch.distributed.TCPStore(
            'localhost', 0, is_master=True, wait_for_workers=False)
        changes |= dict(WORLD_SIZE='2', MASTER_ADDR='localhost',
                        MASTER_PORT=str(self.store.port), TORCHELASTIC_USE_AGENT_STORE='True')
        self.both = [
            Forked(folder, _command, [*map(str, words)],
                   **changes | dict(RANK=rank, LOCAL_RANK=rank)) for rank in '01']

    def wait(self):
        try: status = [process.wait() for process in self.both]
        finally:
            for process in self.both: process.kill()
        self.out, self.err = (''.join(getattr(process, name) for process in self.both)
                              for name in ('out', 'err'))
        return status


def _command(words):
    from tests.library import two_processes
    sys.exit(two_processes.main(words))


def weights(place):
    return torch.load(place/'last.pt', weights_only=True)['state']['model']


# a batch of training, of validation, the last one of an epoch
@pytest.mark.parametrize('batches', [1, 3, 6])
def test_two_that_are_interrupted_end_like_two_that_were_not(batches, uninterrupted, tmp_path):
    words = ['train', uninterrupted.file, '--out', tmp_path/'run', '--device', 'cpu']
    stopped = Pair(tmp_path, *words, STOP_AFTER=str(batches))
    assert stopped.wait() == [1, 1]
    assert stopped.err.count('sotatrain: ') == stopped.err.count('resume=True') == 1
    assert not (tmp_path/'run'/'run.json').exists()
    on = Pair(tmp_path, *words, '--resume')
    assert on.wait() == [0, 0], on.err
    a, b = weights(tmp_path/'run'), weights(uninterrupted.place)
    assert all(torch.equal(a[name], b[name]) for name in b)


@pytest.fixture(scope='module')
def uninterrupted(shared_cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    file, place = folder/'stops.json', folder/'run'
    file.write_text(json.dumps(RECIPES['stops']))
    pair = Pair(folder, 'train', file, '--out', place, '--device', 'cpu',
                SOTATRAIN_CACHE=str(shared_cache))
    assert pair.wait() == [0, 0], pair.err
    return SimpleNamespace(file=file, place=place)


def test_with_a_folder_two_processes_learn_what_one_does(own_things, monkeypatch, tmp_path):
    file = tmp_path/'plain.json'
    file.write_text(json.dumps(RECIPES['plain']))
    pair = Pair(tmp_path, 'train', file, '--out', tmp_path/'run', '--device', 'cpu',
                SEEN=str(tmp_path))
    assert pair.wait() == [0, 0], pair.err
    together = store.read(tmp_path/'run'/'run.json')
    (_, shares), *_ = seen(tmp_path, 'NoNorm')
    assert [len(drawn) for drawn, _ in shares] == [5, 5]
    monkeypatch.setenv('SEEN', str(tmp_path))
    alone = train(Recipe(**RECIPES['plain']), progress=False)
    for one, two in zip(alone.epochs, together.epochs, strict=True):
        assert two['train_loss'] == pytest.approx(one['train_loss'], abs=1e-4)
        assert two['accuracy'] == one['accuracy']
    assert together.tflop == alone.tflop


def test_the_other_one_says_that_a_process_has_died(shared_cache, tmp_path):
    file = tmp_path/'dies.json'
    file.write_text(json.dumps(RECIPES['dies']))
    pair = Pair(tmp_path, 'train', file, '--device', 'cpu', SOTATRAIN_CACHE=str(shared_cache))
    assert pair.wait() == [1, -signal.SIGKILL]
    assert pair.err.count(LOST) == 1


def test_a_checkpoint_of_two_is_not_one_of_one(uninterrupted, own_things, tmp_path):
    shutil.copytree(uninterrupted.place, tmp_path/'run')
    (tmp_path/'run'/'run.json').unlink()
    words = ['train', uninterrupted.file, '--out', tmp_path/'run', '--resume']
    with pytest.raises(SystemExit, match='processes: 2 there, 1 here'):
        cli([*map(str, words), '--device', 'cpu'])


def test_a_folder_that_is_refused_is_told_by_one_of_two(uninterrupted, tmp_path):
    (tmp_path/'run').mkdir()
    (tmp_path/'run'/'thesis.tex').write_text('')
    pair = Pair(
        tmp_path, 'train', uninterrupted.file, '--out', tmp_path/'run', '--device', 'cpu')
    assert pair.wait() == [1, 1]
    assert pair.err.count('holds thesis.tex, and no run') == 1
