"""Runs spread over workers: those of an executor, of this machine, of a cluster."""
import json
import os
import pickle
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Event

import pytest

from sotatrain.cli import main as cli
from sotatrain.experiment import (
    Recipe,
    Workers,
    compare,
    load_runs,
    own,
    register,
    train,
    training,
)
from sotatrain.experiment.spread import spread
from tests.forked import CONTEXT
from tests.library.fakes import SMALL, dies_once, measured

pytestmark = pytest.mark.usefixtures('own_cache')


class Travelling(Executor):
    """Does the work here, when it is submitted, but for what travels to a worker and back; the
    calls whose numbers are in `deaths` take their worker with them."""
    def __init__(self, deaths=()): self.calls, self.deaths = [], deaths

    def submit(self, function, /, *args):
        future = Future()
        self.calls.append(args)
        if len(self.calls) - 1 in self.deaths: future.set_exception(BrokenProcessPool('died'))
        else:
            function, args = pickle.loads(pickle.dumps((function, args)))
            future.set_result(pickle.loads(pickle.dumps(function(*args))))
        return future


class Waiting(Executor):
    "Futures that are done when the test says so."
    def __init__(self): self.futures = []

    def submit(self, function, /, *args):
        self.futures.append(Future())
        return self.futures[-1]


JOBS = {'a': (1,), 'b': (2,), 'c': (3,)}


# --- work in general

def test_what_is_done_first_is_given_first(monkeypatch):
    waiting, order = Waiting(), iter([2, 0, 1])
    def sleep(seconds):
        place = next(order)
        waiting.futures[place].set_result(place)
    monkeypatch.setattr(time, 'sleep', sleep)
    assert [*spread(waiting, str, JOBS)] == [('c', 2), ('a', 0), ('b', 1)]


@pytest.mark.parametrize('deaths', [(), (0,), (1, 3), (2, 3)])
def test_work_whose_worker_died_is_repeated(deaths):
    executor = Travelling(deaths)
    assert dict(spread(executor, str, JOBS)) == dict(a='1', b='2', c='3')
    assert len(executor.calls) == 3 + len(deaths)


def test_work_that_kills_three_workers_is_an_error_that_names_it():
    given = spread(Travelling((1, 3, 4)), str, JOBS)
    assert [next(given), next(given)] == [('a', '1'), ('c', '3')]
    with pytest.raises(ChildProcessError, match='^b: it failed with its worker 3 times'):
        next(given)


def test_what_dask_has_repeated_is_not_repeated_again():
    class KilledWorker(Exception): pass
    waiting = Waiting()
    def submit(*args):
        waiting.futures.append(Future())
        waiting.futures[-1].set_exception(KilledWorker('b'))
        return waiting.futures[-1]
    waiting.submit = submit
    with pytest.raises(ChildProcessError, match='1 times'): [*spread(waiting, str, JOBS)]


def test_an_error_of_the_work_is_raised_after_what_is_done():
    given, done = spread(Travelling(), int, {'a': ('1',), 'b': ('x',), 'c': ('3',)}), []
    with pytest.raises(ValueError, match="invalid literal.*'x'"):
        for pair in given: done.append(pair)
    assert done == [('a', 1), ('c', 3)]


class Clings(ValueError):
    def __init__(self, one, two): super().__init__(one)


def clings(): raise Clings('it does not travel', 2)


def test_an_error_that_cannot_travel_says_what_it_said():
    with pytest.raises(RuntimeError, match='Clings: it does not travel'):
        [*spread(Travelling(), clings, {'a': ()})]


def test_what_has_not_begun_is_cancelled_after_an_interruption(monkeypatch):
    def interrupted(seconds): raise KeyboardInterrupt
    monkeypatch.setattr(time, 'sleep', interrupted)
    waiting = Waiting()
    with pytest.raises(KeyboardInterrupt): [*spread(waiting, str, JOBS)]
    assert len(waiting.futures) == 3 and all(f.cancelled() for f in waiting.futures)


# --- real processes; what they import is light

def test_a_worker_that_dies_is_replaced_and_its_work_repeated(tmp_path):
    with Workers(1) as workers:
        (name, (value, pid)), = spread(workers, dies_once, {'a': (tmp_path/'died', 7)})
        assert (name, value) == ('a', 7) and pid != os.getpid()
        again, other = (workers.submit(os.getpid).result() for _ in range(2))
        assert again == other == pid  # it stays
        with pytest.raises(ValueError, match='literal'): workers.submit(int, 'x').result()
    with pytest.raises(RuntimeError): workers.submit(os.getpid)


def test_a_pool_that_breaks_says_what_to_do_instead():
    message = r'takes no more work.*Workers\(n\)'
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
        with pytest.raises(ChildProcessError, match=message) as error:
            [*spread(pool, os._exit, {'a': (3,)})]
    assert isinstance(error.value.__cause__, BrokenExecutor)


def test_workers_end_at_once_when_they_are_interrupted():
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), Workers(1) as workers:
        future = workers.submit(time.sleep, 100)
        while workers.all[0].process is None: time.sleep(.05)
        raise KeyboardInterrupt
    assert time.perf_counter() - start < 60
    assert isinstance(future.exception(), BrokenExecutor)


@pytest.mark.parametrize('before', [True, False])
def test_a_worker_that_is_just_starting_is_ended_too(monkeypatch, before):
    begun, start = Event(), SpawnProcess.start

    def slow(process):
        if not before: start(process)
        begun.set()
        time.sleep(.5)
        if before: start(process)

    monkeypatch.setattr(SpawnProcess, 'start', slow)
    with pytest.raises(KeyboardInterrupt), Workers(1) as workers:
        future = workers.submit(time.sleep, 100)
        begun.wait()
        raise KeyboardInterrupt
    assert isinstance(future.exception(timeout=60), BrokenExecutor)
    workers.all[0].end()  # twice is no error


def test_a_worker_that_cannot_start_can_be_ended(monkeypatch):
    def fails(process): raise OSError('no more processes')
    monkeypatch.setattr(SpawnProcess, 'start', fails)
    with Workers(1) as workers:
        with pytest.raises(OSError, match='no more'): workers.submit(os.getpid).result()


@pytest.mark.parametrize('n', [0, 1.5, 'two'])
def test_a_number_of_workers_is_a_number(n):
    with pytest.raises((ValueError, TypeError), match='n='): Workers(n)


# --- comparisons

def loads_a_batch(path):
    recipe = Recipe(**SMALL | dict(loader='datablock', presize=32, bs=8))
    next(iter(training._data(recipe, path, 0, 'cpu')[0].train))  # one_batch takes no processes


def test_a_worker_that_may_have_no_children_loads_its_pictures_itself(tiny):
    process = CONTEXT.Process(target=loads_a_batch, args=(tiny,), daemon=True)
    process.start()
    process.join(120)
    assert process.exitcode == 0


@pytest.fixture
def recipes():
    first = Recipe(**SMALL)
    flip = replace(first, name='flip', tta={'views': 'flip', 'beta': .5})
    return [first, flip, replace(first, name='fast', lr=1e-2)]


def stored(folder):
    "What must be the same in stored runs, by their files."
    files = sorted((folder/'x').iterdir())
    values = [json.loads(file.read_text()) for file in files]
    for value in values:
        for name in ('seconds', 'train_seconds', 'images_per_second', 'conditions',
                     'peak_memory_mb'): del value[name]
        for epoch in value['epochs']: del epoch['seconds'], epoch['images_per_second']
    return {file.name: value for file, value in zip(files, values)}


def test_spread_runs_are_stored_as_those_of_one_process(
    recipes, tiny_network, tmp_path, capsys,
):
    here, there = tmp_path/'here', tmp_path/'there'
    alone = compare(recipes, range(2), 'x', folder=here, progress=False)
    capsys.readouterr()
    executor = Travelling(deaths=(1,))
    spread_out = compare(recipes, range(2), 'x', folder=there, executor=executor)
    assert stored(here) == stored(there) and len(stored(here)) == 6
    assert [*map(measured, spread_out.runs)] == [*map(measured, alone.runs)]
    assert [call[0] for call in executor.calls].count(training._in_worker) == 5  # one died
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(': done, ' in line for line in lines)
    compare(recipes, range(2), 'x', folder=there, progress=False, executor=executor)
    assert len(executor.calls) == 5  # nothing is done twice


def test_finished_runs_are_kept_when_one_kills_its_workers(recipes, tiny_network, tmp_path):
    kept = dict(experiment='x', folder=tmp_path, progress=False)
    with pytest.raises(ChildProcessError, match='^fast, seed 0: '):
        compare(recipes, [0], executor=Travelling((1, 2, 3)), **kept)
    assert [run.recipe.name for run in load_runs('x', tmp_path)] == ['baseline', 'flip']
    assert len(compare(recipes, [0], **kept).runs) == 3


def test_a_run_whose_worker_died_goes_on_from_its_checkpoint(
    recipes, tiny_network, tmp_path, monkeypatch,
):
    fits, fit = [], training.Watch.after_batch
    class Death(BaseException): pass
    def after_batch(self):
        fit(self)
        fits.append(self.steps)
        if len(fits) == 4: raise Death
    class Mortal(Travelling):
        def submit(self, *args):
            try: return super().submit(*args)
            except Death:
                future = Future()
                future.set_exception(BrokenProcessPool('died'))
                return future
    monkeypatch.setattr(training.Watch, 'after_batch', after_batch)
    recipe = replace(recipes[0], epochs=3)
    kept = dict(progress=False, out=tmp_path/'out', device='cpu')
    run, = compare([recipe], [0], executor=Mortal(), **kept).runs
    assert fits.count(1) == 1 and fits[4] > 1  # it was not begun again
    assert [*(tmp_path/'out').iterdir()] == []
    monkeypatch.setattr(training.Watch, 'after_batch', fit)
    assert measured(run) == measured(train(recipe, progress=False, device='cpu'))


def own_loss(output, target): return (output - target[:, None]).pow(2).mean()


def test_workers_know_what_was_registered(recipes, tiny_network, tmp_path, monkeypatch):
    monkeypatch.setitem(own.OWN, 'own_loss', own_loss)
    register(own_loss)
    recipe = replace(recipes[0], loss='own_loss')
    class Elsewhere(Travelling):
        def submit(self, *args):
            del own.OWN['own_loss']  # as in another process
            return super().submit(*args)
    kept = dict(experiment='x', folder=tmp_path, progress=False)
    run, = compare([recipe], [0], executor=Elsewhere(), **kept).runs
    assert run.sources == own.sources(recipe) != {}


@pytest.mark.parametrize('error', [
    AttributeError("Can't get attribute 'Mine' on <module '__main__'>"),
    pickle.PicklingError("Can't pickle <function>")])
def test_what_cannot_travel_is_no_dead_worker(error):
    class Stuck(Travelling):
        def submit(self, *args):
            self.calls.append(args)
            future = Future()
            future.set_exception(error)
            return future
    with pytest.raises(TypeError, match='a: what it needs cannot travel.*in a module'):
        [*spread(executor := Stuck(), str, {'a': (1,)})]
    assert len(executor.calls) == 1


def test_a_folder_is_the_same_for_workers_that_are_elsewhere(
    recipes, tiny_network, tiny, monkeypatch,
):
    monkeypatch.chdir(tiny.parent)
    executor = Travelling()
    for data in (Path(tiny.name), f'./{tiny.name}', 'doodlenette-20-10'):
        compare(recipes[:1], [0], data=data, progress=False, executor=executor)
    assert [call[4] for call in executor.calls] == [tiny, tiny, 'doodlenette-20-10']


def test_a_worker_that_has_other_data_is_an_error(recipes, tiny_network, monkeypatch):
    trained = training._in_worker
    def with_other_data(*args):
        run, = trained(*args)
        return [replace(run, data=run.data | dict(train_content='0123456789abcdef'))]
    class Fake(Travelling):
        def submit(self, attempt, function, *args):
            future = Future()
            future.set_result(with_other_data(*args))
            return future
    with pytest.raises(ValueError, match='with other data.*give all workers the same'):
        compare(recipes[2:], [0], progress=False, executor=Fake())


# --- a cluster

def test_dask_carries_runs_out(recipes, tiny_network, tmp_path, capsys):
    distributed = pytest.importorskip('distributed')
    file = tmp_path/'fast.json'
    file.write_text(recipes[2].to_json())
    cluster = distributed.LocalCluster(
        1, threads_per_worker=1, processes=False, protocol='tcp', dashboard_address=None)
    words = 'compare', str(file), '--seeds', '2', '--name', 'x', '--results', str(tmp_path)
    with cluster: assert not cli([*words, '--scheduler', cluster.scheduler_address])
    runs = compare(recipes[2:], range(2), 'x', folder=tmp_path/'here', progress=False).runs
    assert [*map(measured, load_runs('x', tmp_path))] == [*map(measured, runs)]


def test_a_scheduler_that_does_not_answer_is_an_error(recipes, tmp_path, monkeypatch):
    pytest.importorskip('distributed')
    monkeypatch.setattr('sotatrain.experiment.spread.PATIENCE', .2)
    file = tmp_path/'fast.json'
    file.write_text(recipes[2].to_json())
    with pytest.raises(SystemExit) as stop:
        cli(['compare', str(file), '--name', 'x', '--scheduler', 'tcp://127.0.0.1:9'])
    assert "no scheduler of Dask answers at 'tcp://127.0.0.1:9'" in stop.value.code
