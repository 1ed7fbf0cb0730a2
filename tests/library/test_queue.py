"""The long plan: what is missing is trained, seed by seed."""
import sys

import pytest

from experiments import claims, queue
from sotatrain.experiment import Recipe, load_runs
from tests.library.fakes import SMALL

FIRST, SECOND = Recipe(**SMALL), Recipe(**SMALL | dict(name='second', lr=.01))


@pytest.fixture
def plan(monkeypatch, own_cache, tmp_path):
    "Two experiments of one epoch each; the second recipe is run from one seed."
    monkeypatch.setattr(claims, 'EXPERIMENTS', {'a': [FIRST, SECOND], 'b': [FIRST]})
    monkeypatch.setattr(claims, 'seeds_of', lambda recipe: 2 if recipe == FIRST else 1)
    monkeypatch.setattr(queue.os, 'nice', lambda more: None)  # it cannot be taken back
    def work(*words):
        monkeypatch.setattr(sys, 'argv', ['queue', '--results', str(tmp_path), *words])
        queue.main()
    return work


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
    assert said.startswith('5 runs are missing') and 'about 0.0 hours left' in said
    plan()
    assert capsys.readouterr().out == '0 runs are missing\n'


def test_what_is_missing_can_be_listed(plan, tiny_network, tmp_path, capsys):
    plan('b')
    capsys.readouterr()
    plan('--list')
    assert capsys.readouterr().out.splitlines() == [
        '3 runs are missing', 'a, seed 0: baseline; second', 'a, seed 1: baseline']


def test_after_an_interruption_it_goes_on(plan, tiny_network, tmp_path, monkeypatch):
    compare, calls = queue.compare, []
    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2: raise KeyboardInterrupt
        return compare(*args, **kwargs)
    monkeypatch.setattr(queue, 'compare', interrupted)
    with pytest.raises(KeyboardInterrupt): plan()
    assert len(found(tmp_path)) == 2
    plan()
    assert found(tmp_path) == ALL


def test_recipes_that_share_a_training_run_cost_one():
    flip = Recipe(**SMALL | dict(name='flip', tta={'views': 'flip'}))
    one, both = (queue.cost((0, 'a', recipes, [r.name for r in recipes]))
                 for recipes in ([FIRST], [FIRST, flip]))
    assert one == both == FIRST.epochs * FIRST.size**2


def test_an_unknown_experiment_is_refused(plan, capsys):
    with pytest.raises(SystemExit): plan('c')
    assert 'no experiment is called c' in capsys.readouterr().err


def test_the_long_plan_is_large_enough_and_its_recipes_have_names_of_their_own():
    runs = [recipe for recipes in claims.EXPERIMENTS.values() for recipe in recipes
            for _ in range(claims.seeds_of(recipe))]
    assert len(runs) >= 150 and sum(recipe.epochs == 80 for recipe in runs) >= 40
    for recipes in claims.EXPERIMENTS.values():
        assert len({recipe.name for recipe in recipes}) == len(recipes)
