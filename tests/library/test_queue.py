"""The long plan: what is missing is trained, seed by seed."""
import sys
from concurrent.futures import Executor, Future
from contextlib import nullcontext

import pytest

from experiments import claims, measure, queue
from sotatrain.experiment import Recipe, load_runs, store
from tests.library.fakes import SMALL, fake_run

FIRST, SECOND = Recipe(**SMALL), Recipe(**SMALL | dict(name='second', lr=.01))


@pytest.fixture
def plan(monkeypatch, own_cache, tmp_path):
    "Two experiments of one epoch each; the second recipe is run from one seed."
    monkeypatch.setattr(queue, 'EXPERIMENTS', {'a': [FIRST, SECOND], 'b': [FIRST]})
    for module in (claims, measure):
        monkeypatch.setattr(module, 'EXPERIMENTS', queue.EXPERIMENTS)
    monkeypatch.setattr(claims, 'seeds_of', lambda recipe: 2 if recipe == FIRST else 1)
    monkeypatch.setattr(queue.os, 'nice', lambda more: None)  # it cannot be taken back
    monkeypatch.setattr(queue, 'Workers', lambda n: nullcontext(Here()))
    def work(*words):
        monkeypatch.setattr(sys, 'argv', ['queue', '--results', str(tmp_path), *words])
        queue.main()
    return work


class Here(Executor):
    "Does at once what it is given."
    def submit(self, function, *args):
        future = Future()
        future.set_result(function(*args))
        return future


def found(folder):
    return {(name, run.recipe.name, run.seed)
            for name in 'ab' for run in load_runs(name, folder)}


ALL = {('a', 'baseline', 0), ('a', 'second', 0), ('b', 'baseline', 0), ('a', 'baseline', 1),
       ('b', 'baseline', 1)}


def test_the_plan_is_carried_out_and_then_nothing_is_missing(
    plan, tiny_network, tmp_path, capsys,
):
    plan()
    assert found(tmp_path) == ALL
    said = capsys.readouterr().out
    assert said.startswith('5 training runs are missing')
    assert said.endswith('about 0.0 hours left\n')
    plan()
    assert capsys.readouterr().out == '0 training runs are missing\n'


def test_runs_have_the_places_of_their_recipes(plan, tiny_network, tmp_path):
    plan('a')
    names = [run.recipe.name for run in load_runs('a', tmp_path)]
    assert names == ['baseline', 'baseline', 'second']


def test_what_is_missing_can_be_listed(plan, tiny_network, tmp_path, capsys):
    plan('b')
    capsys.readouterr()
    plan('--list')
    assert capsys.readouterr().out.splitlines() == [
        '3 training runs are missing', 'a, baseline, seed 0', 'a, second, seed 0',
        'a, baseline, seed 1']


def test_after_an_interruption_it_goes_on(plan, tiny_network, tmp_path, monkeypatch):
    compare, calls = measure.compare, []
    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) == 3: raise KeyboardInterrupt
        return compare(*args, **kwargs)
    monkeypatch.setattr(measure, 'compare', interrupted)
    with pytest.raises(KeyboardInterrupt): plan()
    assert len(found(tmp_path)) == 2
    plan()
    assert found(tmp_path) == ALL


def test_a_run_that_fails_is_named_and_the_others_are_kept(
    plan, tiny_network, tmp_path, monkeypatch,
):
    compare = measure.compare
    def failing(recipes, *args, **kwargs):
        if recipes[0].name == 'second': raise ValueError('no such thing')
        return compare(recipes, *args, **kwargs)
    monkeypatch.setattr(measure, 'compare', failing)
    with pytest.raises(ValueError, match='no such thing'): plan('a')
    assert found(tmp_path) == {('a', 'baseline', 0), ('a', 'baseline', 1)}


def test_recipes_that_share_a_training_run_are_one_job(plan, monkeypatch, tmp_path):
    flip = Recipe(**SMALL | dict(name='flip', tta={'views': 'flip'}))
    monkeypatch.setitem(queue.EXPERIMENTS, 'b', [FIRST, flip])
    job, = queue.missing(['b'], [0], tmp_path)
    assert job.recipes == [FIRST, flip] and job.cost == FIRST.epochs * FIRST.size**2


def test_what_is_stored_in_the_results_already_is_not_missing(plan, monkeypatch, tmp_path):
    monkeypatch.setenv('SOTATRAIN_RESULTS', str(tmp_path/'results'))
    run = fake_run('baseline')
    store.write(run, store.file_of(run.recipe, 0, 'a', tmp_path/'results'))
    job, = queue.missing(['a'], [0], tmp_path/'unfinished')
    assert job.recipes == [SECOND]


def test_an_unknown_experiment_is_refused(plan, capsys):
    with pytest.raises(SystemExit): plan('c')
    assert 'no experiment is called c' in capsys.readouterr().err


def test_the_long_plan_is_large_enough_and_its_recipes_have_names_of_their_own():
    runs = [recipe for recipes in claims.EXPERIMENTS.values() for recipe in recipes
            for _ in range(claims.seeds_of(recipe))]
    assert len(runs) >= 150 and sum(recipe.epochs == 80 for recipe in runs) >= 40
    for recipes in claims.EXPERIMENTS.values():
        assert len({recipe.name for recipe in recipes}) == len(recipes)


def test_seeds_that_are_asked_for_are_run_whatever_the_plan(plan, capsys):
    plan('a', '--seeds', '7', '--list')
    assert capsys.readouterr().out.startswith('2 training runs are missing')


def test_some_recipes_keep_their_places_and_the_part_of_the_pictures(
    plan, tiny_network, tiny, tmp_path, monkeypatch,
):
    monkeypatch.setitem(measure.PER_CLASS, 'a', 2)
    measure.measure('a', [SECOND], [0], tiny, tmp_path, progress=False)
    run, = load_runs('a', tmp_path)
    assert run.position == 1
    classes = len([*(tiny/'train').iterdir()])
    assert run.data['train'] == 2 * classes and run.data['folder'] == f'{tiny.name}-{2*classes}'
