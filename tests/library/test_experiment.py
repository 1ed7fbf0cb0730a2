import json
import math
import multiprocessing
import re
import signal
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings as hypothesis_settings, strategies as st
from scipy import stats

from sotatrain import settings
from sotatrain.cli import main as cli
from sotatrain.experiment import *
from sotatrain.experiment import store, training
from sotatrain.learner import Diverged
from sotatrain.resizing import Stage
from sotatrain.core.machine import conditions
from sotatrain.tta import tta
from tests.networks import Net

SMALL = dict(data='doodlenette-20-10', arch='xresnet18', size=16, presize=16, epochs=1, bs=10, lr=1e-3)


@pytest.fixture(scope='module', autouse=True)
def own_cache(tmp_path_factory):
    "One cache for all tests here: the pictures are drawn once."
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture
def recipes():
    first = Recipe(**SMALL)
    return [first, replace(first, name='fast', lr=1e-2)]


@pytest.fixture
def tiny_network(monkeypatch):
    "Runs of a fraction of a second."
    make = training.make_learner
    monkeypatch.setattr(training, 'make_learner', lambda dls, arch, *args, **kwargs: make(dls, Net, *args, **kwargs))


def fake_run(name='baseline', seed=0, accuracy=.5, position=0, error=None, **changes):
    numbers = {} if error else dict(accuracy=accuracy, seconds=10., images_per_second=100., peak_memory_mb=1000.)
    facts = dict(data=dict(folder='doodlenette', train=20, val=10), conditions=conditions('cpu', 'fp32'), epochs=[])
    return Run(**{**facts, 'recipe': Recipe(**SMALL | {'name': name}), 'seed': seed, 'error': error, 'position': position, **numbers, **changes})


def measured(run): return run.calibration_error, [{k: v for k, v in epoch.items() if k not in ('seconds', 'images_per_second')} for epoch in run.epochs], run.accuracy


# --- recipes

def test_a_recipe_is_the_same_after_json():
    recipe = Recipe('all', stages=[dict(size=32, epochs=1, bs=8, lr=.1), dict(size=64, epochs=2, bs=4, lr=.01)], opt={'ranger': {'mom': .95}},
                    loss={'LabelSmoothingCrossEntropyFlat': {'eps': .2}}, cbs={'MixUp': {'alpha': .3}}, tta={'n': 4}, augment={'flip': 0}, wd=.1)
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_cannot_change():
    with pytest.raises(AttributeError): Recipe().lr = 1


def test_without_stages_a_recipe_is_one_stage():
    assert Recipe().all_stages == [Stage(size=128, epochs=5, bs=64, lr=3e-3)]


def test_a_recipe_of_a_profile():
    recipe = Recipe.from_profile(settings.load('smoke'), name='mine', epochs=3)
    assert (recipe.data, recipe.size, recipe.epochs, recipe.name) == ('doodlenette-200-100', 48, 3, 'mine')
    staged = Recipe.from_profile(settings.load('smoke'), presize=None, stages=[dict(size=32, epochs=1, bs=8, lr=.1)])
    assert staged.size is None and len(staged.all_stages) == 1


STAGE = dict(size=32, epochs=1, bs=8, lr=.1)

@pytest.mark.parametrize('fields,message', [
    (dict(epoch=3), "no 'epoch'; did you mean 'epochs'"), (dict(epochs=0), 'epochs=0: it must be 1 or more'),
    (dict(epochs=1.5), 'epochs=1.5: it must be a whole number'), (dict(epochs=True), 'epochs=True'),
    (dict(lr=0), 'lr=0: it must be more than 0'), (dict(lr='1e-3'), "lr='1e-3': it must be a number"), (dict(lr=math.nan), 'lr=nan'),
    (dict(wd=-1), 'wd=-1'), (dict(size=0), 'size=0'), (dict(bs=-2), 'bs=-2'),
    (dict(name=''), 'name='), (dict(name='a/b'), "name='a/b': files are named after it"), (dict(data=3), 'data=3'),
    (dict(schedule='cosine'), "schedule='cosine': choose one of one_cycle"), (dict(loader='x'), "loader='x': choose one of"),
    (dict(opt='adamm'), 'opt: no optimizer is called'), (dict(opt={'Adam': {'momm': .9}}), "opt, Adam: there is no 'momm'; did you mean 'mom'"),
    (dict(opt={'Adam': {}, 'SGD': {}}), 'opt must name one thing'), (dict(opt=3), 'opt=3'),
    (dict(loss='CrossEntropy'), 'loss: no loss is called'), (dict(loss={}), 'loss must name one thing, not 0'),
    (dict(cbs={'Mixup': {}}), "did you mean 'MixUp'"), (dict(cbs={'MixUp': {'alpah': 1}}), "cbs, MixUp: there is no 'alpah'; did you mean 'alpha'"),
    (dict(cbs={'MixUp': 3}), 'the parameters of MixUp are 3'), (dict(cbs={'MixUp': {'alpha': {1}}}), 'cannot be stored as JSON'),
    (dict(cbs={'Path': {}}), 'no callback is called'), (dict(batch_tfms={'MixUp': {}}), 'no transform is called'),
    (dict(augment={'min_scal': 1}), "augment: there is no 'min_scal'; did you mean 'min_scale'"), (dict(tta=4), 'tta=4'),
    (dict(stages=[STAGE], size=64), 'size=64 contradicts stages'), (dict(stages=[STAGE], lr=.1), 'lr=0.1 contradicts stages'),
    (dict(stages=[{'size': 32}]), r'stages\[0\] lacks epochs, bs, lr'), (dict(stages=[STAGE | {'sise': 3}]), "no 'sise'; did you mean 'size'"),
    (dict(stages=[STAGE, STAGE | {'bs': 0}]), r'stages\[1\]: bs=0'), (dict(size=64, presize=32), 'presize=32 is smaller than the size 64'),
    (dict(tta={'view': 'flip'}), "tta: there is no 'view'; did you mean 'views'"), (dict(tta={'views': 'x'}), "views='x': choose one of random"), (dict(tta={'n': -1}), 'n=-1'),
    (dict(loader='datablock', tta={'n': 4}), "tta contradicts loader='datablock'"),
    (dict(loader='datablock', tta={}), "tta contradicts loader='datablock'"), (dict(loader='datablock', noise=25), "noise contradicts loader='datablock'"), (dict(noise=-1), 'noise=-1: it must be 0 or more'),
    (dict(noise=.25), 'noise=0.25: it must be a whole number'), (dict(loss={'ResNet': {}}), 'loss: no loss is called'),
    (dict(loader='datablock', augment={'flip': 0}), "augment contradicts loader='datablock'"), (dict(bf16='yes'), "bf16='yes'")])
def test_bad_fields_are_errors_that_name_them(fields, message):
    with pytest.raises((ValueError, TypeError), match=message): Recipe.from_dict(fields)


def test_a_recipe_must_be_fields():
    with pytest.raises(TypeError, match='not list'): Recipe.from_json('[]')


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.builds(Recipe, size=st.integers(1, 512), epochs=st.integers(1, 99), lr=st.floats(1e-9, 10), wd=st.none() | st.floats(0, 1)))
def test_json_keeps_every_number(recipe): assert Recipe.from_json(recipe.to_json()) == recipe


# --- statistics

def test_paired_difference_by_hand():
    d = paired_difference([3., 5., 7.], [2., 5., 5.])  # differences 1, 0, 2: mean 1, sd 1
    half = 4.302653 / math.sqrt(3)  # t with 2 degrees of freedom
    assert d.mean == 1 and d.low == pytest.approx(1 - half, abs=1e-5) and d.high == pytest.approx(1 + half, abs=1e-5)


@given(st.lists(st.tuples(*[st.floats(0, 100)]*2), min_size=2, max_size=20))
def test_paired_difference_against_scipy(pairs):
    values, reference = zip(*pairs)
    if statistics.stdev(v - r for v, r in pairs) < 1e-3: return  # scipy warns of lost precision
    expected = stats.ttest_rel(values, reference).confidence_interval(.95)
    d = paired_difference(values, reference)
    assert d.low == pytest.approx(expected.low, abs=1e-6) and d.high == pytest.approx(expected.high, abs=1e-6)


def test_the_verdict_is_in_words():
    assert paired_difference([2, 3, 4], [1, 2.1, 2.9]).verdict == 'helps'
    assert paired_difference([1, 2.1, 2.9], [2, 3, 4]).verdict == 'hurts'
    assert paired_difference([1, 2, 3], [3, 2, 1]).verdict == 'no difference shown'
    assert paired_difference([1], [0]).verdict == 'no difference shown'


def test_unequal_pairs_are_an_error():
    with pytest.raises(ValueError, match='3 values and 2 references'): paired_difference([1, 2, 3], [1, 2])
    with pytest.raises(ValueError): paired_difference([], [])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    differences = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0)) + 1
    covered = [d.low <= 1 <= d.high for d in (paired_difference(x, [0]*4) for x in differences.tolist())]
    assert .935 < sum(covered) / len(covered) < .965


# --- what a comparison says

def comparison(better=(.55, .57, .56), **kwargs):
    runs = [fake_run(seed=seed, accuracy=a) for seed, a in enumerate((.50, .51, .52))]
    return Comparison(runs + [fake_run('better', seed, a, position=1, **kwargs) for seed, a in enumerate(better)])


def test_an_end_near_zero_shows_on_which_side_it_lies():
    assert str(Difference(.3, -.048, .7, 3)) == '+0.3 (−0.05 to +0.7)' and str(Difference(.3, .004, .7, 3)) == '+0.3 (+0.00 to +0.7)'
    assert str(Difference(.01, -.5, .5, 3)) == '0.0 (−0.5 to +0.5)' and str(Difference(1., 0., 2., 3)) == '+1.0 (0.0 to +2.0)'


def test_a_table_with_means_spread_and_verdict():
    text = str(comparison())
    assert '51.0 ± 1.0' in text and '56.0 ± 1.0' in text and '+5.0 (+2.5 to +7.5)' in text
    assert 'better: helps: between +2.5 and +7.5 points, with 3 seeds' in text
    assert 'seeds 0, 1, 2; xresnet18, 16 px, 1 epoch' in text.replace('\n', ' ') and 'PyTorch' in text and 'measured 20' in text


def test_no_difference_is_said_to_be_none():
    assert 'better: no difference shown with 3 seeds: between −' in str(comparison(better=(.51, .50, .53)))


def test_one_seed_shows_nothing():
    c = Comparison([fake_run(), fake_run('other', accuracy=.9, position=1)])
    assert 'other: no difference shown: one seed cannot show any' in str(c) and '50.0' in str(c) and '±' not in str(c)


def test_speed_can_be_left_out():
    c = Comparison(comparison().runs, speed=False)
    assert 'images/s' in str(comparison()) and 'images/s' not in str(c) and 'seconds' not in c._repr_html_()
    assert '+5.0 (+2.5 to +7.5)' in str(c) and '●' in str(c)


def test_the_plans_of_recipes_are_told_apart():
    stages = dict(size=16, epochs=1, bs=8, lr=.1)
    text = str(Comparison([fake_run(), fake_run(position=1, recipe=Recipe('stages', arch='xresnet18', stages=[stages, stages | {'size': 32}]))])).replace('\n', ' ')
    assert 'xresnet18, 16 px, 1 epoch, batches of ' in text and ' or xresnet18, 16 px, 1 epoch, batches of 8, then 32 px, 1 epoch' in text


def test_the_table_is_html_in_a_notebook_and_names_are_escaped():
    c = Comparison([fake_run(name='a & b')])
    assert '<table>' in c._repr_html_() and 'a &amp; b' in c._repr_html_() and 'alt="Accuracy of each run: a &amp; b 50.0 %"' in c._repr_html_()


def test_failed_runs_are_shown_and_only_whole_pairs_count():
    runs = [fake_run(seed=s, accuracy=.5 + s/100) for s in range(3)]
    runs += [fake_run('other', s, .6 + s*s/100, position=1) for s in range(2)] + [fake_run('other', 2, error='the loss is nan', position=1)]
    c = Comparison(runs)
    assert c.rows[1].difference.n == 2 and '1 of 3 runs failed: the loss is nan' in str(c)
    assert 'failed' in str(Comparison([fake_run(error='the loss is nan')]))


def test_the_first_recipe_is_the_reference_whatever_the_order_of_runs():
    c = comparison()
    assert [row.name for row in Comparison(c.runs[::-1]).rows] == ['baseline', 'better']


def test_the_plot_shows_every_run():
    left, right = comparison().plot().axes
    assert sorted(x for line in left.lines if line.get_marker() == 'o' for x in line.get_xdata()) == pytest.approx([50, 51, 52, 55, 56, 57])
    assert right.get_xlabel() == 'difference to baseline, points'


def test_without_an_interval_there_is_no_room_for_one():
    c = Comparison([fake_run(), fake_run('other', accuracy=.9, position=1)])
    assert len(c.plot().axes) == 1 and str(c).splitlines()[0].endswith('images/s')
    two_pairs = Comparison([fake_run(name, seed, .5 + seed/9, position=i) for i, name in enumerate('ab') for seed in range(2)])
    assert len(two_pairs.plot().axes) == 2 and '●' in str(two_pairs)


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match='no runs'): Comparison([])


# --- files

def test_a_run_is_the_same_after_storing(tmp_path):
    run = fake_run(epochs=[dict(stage=0, train_loss=1., valid_loss=2., accuracy=.5, seconds=1.)])
    store.write(run, tmp_path/'x'/'run.json')
    assert store.read(tmp_path/'x'/'run.json') == run and [f.name for f in (tmp_path/'x').iterdir()] == ['run.json']


@pytest.mark.parametrize('change,message', [
    (lambda v: v | {'format': 99}, 'format 99, and this version reads up to 1: update sotatrain'),
    (lambda v: {k: x for k, x in v.items() if k != 'format'}, "'format'"), (lambda v: v | {'colour': 'red'}, 'colour'),
    (lambda v: v | {'recipe': v['recipe'] | {'warp': 1}}, "no 'warp'"), (lambda v: [], 'no readable run')])
def test_a_file_that_cannot_be_read_is_named(tmp_path, change, message):
    file = tmp_path/'run.json'
    store.write(fake_run(), file)
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ValueError, match=message) as error: store.read(file)
    assert str(file) in str(error.value)


def test_half_a_file_is_an_error(tmp_path):
    store.write(fake_run(), tmp_path/'run.json')
    (tmp_path/'run.json').write_text((tmp_path/'run.json').read_text()[:100])
    with pytest.raises(ValueError, match='no readable run'): store.read(tmp_path/'run.json')


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr('sotatrain.core.cache.os.replace', lambda *a: (_ for _ in ()).throw(OSError('disk full')))
    with pytest.raises(OSError): store.write(fake_run(), tmp_path/'run.json')
    assert not [*tmp_path.iterdir()]


def _write_many(folder, seed):
    for i in range(20): store.write(fake_run(seed=i), Path(folder)/'x'/f'run{i}.json')

def test_two_processes_write_the_same_files(tmp_path):
    context = multiprocessing.get_context('spawn')
    processes = [context.Process(target=_write_many, args=(str(tmp_path), i)) for i in range(2)]
    for p in processes: p.start()
    for p in processes: p.join()
    assert [p.exitcode for p in processes] == [0, 0]
    assert [run.seed for run in load_runs('x', tmp_path)] == [*range(20)] and len([*(tmp_path/'x').iterdir()]) == 20


def test_stored_results_say_when_there_are_none(tmp_path):
    assert 'Not measured yet' in str(stored_results('x', folder=tmp_path)) and 'Not measured yet' in stored_results('x', folder=tmp_path)._repr_html_()


def test_stored_results_of_some_recipes(tmp_path):
    for run in comparison().runs: store.write(run, store.file_of(run.recipe, run.seed, 'x', tmp_path))
    assert [row.name for row in stored_results('x', folder=tmp_path).rows] == ['baseline', 'better']
    assert [row.name for row in stored_results('x', 'better', 'baseline', folder=tmp_path).rows] == ['better', 'baseline']
    assert 'Not measured yet: worse' in str(stored_results('x', 'better', 'worse', folder=tmp_path))
    assert experiments(tmp_path) == ['x']


# --- training and comparing

def test_same_seed_same_numbers(recipes, tiny_network):
    a, b, c = (train(recipes[0], seed, progress=False) for seed in (1, 1, 2))
    assert measured(a) == measured(b) != measured(c)


def test_a_real_network_repeats_itself():
    a, b = (train(Recipe(**SMALL), 3, progress=False) for _ in range(2))
    assert measured(a) == measured(b)


def test_a_run_says_what_it_measured(recipes, tiny_network):
    run = train(replace(recipes[0], epochs=2), progress=False)
    assert len(run.epochs) == 2 and set(run.epochs[0]) == {'stage', 'size', 'train_loss', 'valid_loss', 'accuracy', 'seconds', 'images_per_second'}
    assert run.accuracy == run.epochs[-1]['accuracy'] and run.seconds > 0 and run.images_per_second > 0 and run.peak_memory_mb > 50
    assert run.data == dict(folder=run.data['folder'], train=20, val=10)
    assert re.match(r'20\d\d-\d\d-\d\dT', run.conditions['date']) and torch.__version__.startswith(run.conditions['versions']['torch'])
    assert 'baseline, seed 0: accuracy' in str(run)


def test_every_field_of_a_recipe_reaches_the_run(tiny_network):
    recipe = Recipe(data='doodlenette-20-10', stages=[dict(size=16, epochs=1, bs=10, lr=1e-3), dict(size=24, epochs=2, bs=5, lr=1e-2)],
                    schedule='flat_cos', opt={'SGD': {'mom': .5}}, wd=.2, loss={'LabelSmoothingCrossEntropyFlat': {'eps': .3}},
                    cbs={'GradientClip': {'max_norm': .5}}, augment={'flip': 0.}, batch_tfms={'Normalize': {'mean': None, 'std': None}}, tta={'n': 1})
    learn = training.learner_of(recipe)
    assert learn.wd == .2 and learn.loss_func.func.eps == .3 and learn.gradient_clip.max_norm == .5 and learn.opt_func.keywords == {'mom': .5}
    assert learn.dls.train.size == 24 and learn.dls.train.bs == 5 and learn.dls.train.augment.flip == 0
    run = train(recipe, progress=False)
    assert [epoch['stage'] for epoch in run.epochs] == [0, 1, 1] and 0 <= run.accuracy <= 1


def test_a_stage_may_have_a_schedule_of_its_own(tiny_network):
    stages = [dict(size=16, epochs=1, bs=10, lr=1e-3), dict(size=24, epochs=2, bs=10, lr=1e-3, schedule='fine_tune')]
    run = train(Recipe(data='doodlenette-20-10', stages=stages), progress=False)
    assert [(epoch['stage'], epoch['size']) for epoch in run.epochs] == [(0, 16), (1, 24), (1, 24)]
    with pytest.raises(ValueError, match="schedule='x': choose one of"): Recipe(stages=[STAGE | {'schedule': 'x'}])
    with pytest.raises(ValueError, match='epochs=1: fine_tune needs 2 or more'): Recipe(schedule='fine_tune', epochs=1)


def test_a_size_that_grows(recipes, tiny_network):
    run = train(replace(recipes[0], size=32, presize=32, epochs=4, cbs={'ProgressiveResize': {'small': 16}}), progress=False)
    sizes = [epoch['size'] for epoch in run.epochs]
    assert sizes == sorted(sizes) and sizes[0] < 32 and sizes[-1] == 32


def test_recipes_that_differ_in_tta_share_a_training(recipes, tiny_network, tmp_path, monkeypatch, capsys):
    first = recipes[0]
    ways = [first, replace(first, name='corners', tta={'views': 'five_crop'}), replace(first, name='flip', tta={'views': 'flip', 'beta': .5}), recipes[1]]
    alone = [train(recipe, 1, progress=False) for recipe in ways]
    trained, fit = [], training._fit
    monkeypatch.setattr(training, '_fit', lambda learn, recipe, *rest: trained.append(recipe.name) or fit(learn, recipe, *rest))
    together = compare(ways, range(2), 'x', folder=tmp_path)
    assert trained == ['baseline', 'fast']*2 and '100.00% [12/12' in capsys.readouterr().out  # 2 + 1 batches for each training
    assert [measured(run) for run in together.runs if run.seed == 1] == [*map(measured, alone)]
    (tmp_path/'x'/'flip-seed1.json').unlink()
    again = compare(ways, range(2), 'x', folder=tmp_path, progress=False)
    assert trained[4:] == ['flip'] and [*map(measured, again.runs)] == [*map(measured, together.runs)]


def test_a_learner_after_its_training(recipes, tiny_network):
    learn = trained_learner(recipes[0], 1, progress=False)
    with learn.no_bar(): assert learn.validate()[1] == pytest.approx(train(recipes[0], 1, progress=False).accuracy, abs=1e-6)
    with pytest.raises(Diverged, match='the loss is'): trained_learner(replace(recipes[0], opt='SGD', lr=1e38, epochs=3, schedule='constant'), progress=False)


def test_a_run_says_how_well_it_is_calibrated(recipes, tiny_network):
    plain, corners = (train(replace(recipes[0], tta=tta), progress=False).calibration_error for tta in (None, {'views': 'five_crop'}))
    assert 0 <= plain <= 1 and plain != corners


def test_noise_is_in_the_training_labels_only(recipes, tiny):
    def targets(noise): return [dl.targets[0] for dl in learner_of(replace(recipes[0], noise=noise), data=tiny).dls]
    (train, valid), (noisy, noisy_valid) = targets(0), targets(25)
    assert (train != noisy).float().mean() == .25 and torch.equal(valid, noisy_valid)
    with pytest.raises(ValueError, match='no labels with 30 % errors: choose from 0, 1, 5, 25, 50'): targets(30)


def test_a_run_can_be_exported(recipes, tiny_network, tmp_path):
    from fastai.vision.all import load_learner
    run = train(replace(recipes[0], cbs={'MixUp': {}}), progress=False, export=tmp_path/'mine.pkl')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        learn = load_learner(tmp_path/'mine.pkl')
    files = learner_of(recipes[0]).dls.valid.items
    with learn.no_bar(): p, y = learn.get_preds(dl=learn.dls.test_dl(files, with_labels=True))
    assert (p.argmax(1) == y).float().mean().item() == pytest.approx(run.accuracy, abs=1e-6)
    assert [file.name for file in tmp_path.iterdir()] == ['mine.pkl']
    with pytest.raises(FileNotFoundError, match='nowhere does not exist: make this folder'): train(recipes[0], export=tmp_path/'nowhere'/'mine.pkl')


def test_tta_without_parameters_is_tta_with_its_defaults(recipes, tiny_network, monkeypatch):
    asked = []
    monkeypatch.setattr('sotatrain.experiment.training.tta', lambda learn, **options: (asked.append(options), tta(learn, n=0))[1])
    for options in (None, {}, {'n': 2}): train(replace(recipes[0], tta=options), progress=False)
    assert asked == [{'n': 0}, {}, {'n': 2}]


def test_the_reference_pipeline(recipes, tiny_network):
    run = train(replace(recipes[0], loader='datablock'), progress=False)
    assert len(run.epochs) == 1


def test_comparing_takes_the_same_seeds(recipes, tiny_network):
    c = compare(recipes, [4, 7], progress=False)
    assert [(run.recipe.name, run.seed) for run in c.runs] == [('baseline', 4), ('baseline', 7), ('fast', 4), ('fast', 7)]
    assert [row.name for row in c.rows] == ['baseline', 'fast'] and c.rows[1].difference.n == 2


@pytest.mark.parametrize('stop_after', [1, 2, 3])
def test_resumed_equals_uninterrupted(recipes, tiny_network, tmp_path, monkeypatch, stop_after):
    whole = compare(recipes, range(2), 'whole', folder=tmp_path, progress=False)
    fit, done = training._fit, []
    def interrupted(*args):
        if len(done) == stop_after: raise KeyboardInterrupt
        done.append(fit(*args))
    monkeypatch.setattr(training, '_fit', interrupted)
    with pytest.raises(KeyboardInterrupt): compare(recipes, range(2), 'parts', folder=tmp_path, progress=False)
    assert len(load_runs('parts', tmp_path)) == stop_after  # what was finished is kept
    monkeypatch.setattr(training, '_fit', fit)
    parts = compare(recipes, range(2), 'parts', folder=tmp_path, progress=False)
    assert [*map(measured, parts.runs)] == [*map(measured, whole.runs)]
    assert [row.difference for row in parts.rows] == [row.difference for row in whole.rows]


def test_finished_runs_are_not_repeated(recipes, tiny_network, tmp_path, monkeypatch):
    first = compare(recipes, range(1), 'x', folder=tmp_path, progress=False)
    monkeypatch.setattr(training, '_fit', None)
    assert compare(recipes, range(1), 'x', folder=tmp_path, progress=False).runs == first.runs


def test_another_recipe_of_the_same_name_is_an_error(recipes, tiny_network, tmp_path):
    compare(recipes[:1], range(1), 'x', folder=tmp_path, progress=False)
    with pytest.raises(ValueError, match='another recipe with this name .lr: 0.001 there, 0.5 here'):
        compare([replace(recipes[0], lr=.5)], range(1), 'x', folder=tmp_path, progress=False)
    with pytest.raises(ValueError, match='data: '): compare([recipes[0]], range(1), 'x', data=training.dataset('doodlenette-30-10'), folder=tmp_path, progress=False)


def test_recipes_and_seeds_must_differ(recipes):
    with pytest.raises(ValueError, match="two recipes are called 'baseline'"): compare([recipes[0]]*2)
    with pytest.raises(ValueError, match='two seeds are 1'): compare(recipes, [1, 1])
    with pytest.raises(ValueError, match='nothing to compare'): compare([])


def test_a_diverged_run_is_stored_as_failed(recipes, tiny_network, tmp_path):
    wild = replace(recipes[0], name='wild', opt='SGD', lr=1e38, epochs=3, schedule='constant')
    c = compare([recipes[0], wild], range(2), 'x', folder=tmp_path, progress=False)
    failed = [run for run in load_runs('x', tmp_path) if run.failed]
    assert len(failed) == 2 and 'try a rate ten times lower' in failed[0].error and '2 of 2 runs failed' in str(c)


def test_any_other_error_is_raised(recipes, monkeypatch):
    with pytest.raises(ValueError, match='unknown network'): train(replace(recipes[0], arch='xresnet81'), progress=False)


def test_the_bar_counts_every_batch(recipes, tiny_network, capsys):
    train(recipes[0])
    assert '100.00% [3/3' in capsys.readouterr().out  # two of training, one of validation


# --- the command

def sotatrain(*words, capsys):
    code = cli([*words])
    return code, capsys.readouterr().out


def test_help_says_what_to_do():
    for words in ([], ['train'], ['compare'], ['show']):
        done = subprocess.run([sys.executable, '-m', 'sotatrain.cli', *words, '--help'], capture_output=True, text=True)
        assert done.returncode == 0 and 'usage: sotatrain' in done.stdout


def test_recipes_from_the_shell(tmp_path, capsys):
    _, text = sotatrain('recipe', '--profile', 'smoke', 'lr=0.5', 'opt=ranger', 'tta={"n": 3}', capsys=capsys)
    recipe = Recipe.from_json(text)
    assert recipe.lr == .5 and recipe.opt == {'ranger': {}} and recipe.tta == {'n': 3} and recipe.size == 48
    (tmp_path/'quick.json').write_text('{"epochs": 2}')
    _, text = sotatrain('recipe', str(tmp_path/'quick.json'), '--profile', 'smoke', 'bs=4', capsys=capsys)
    assert (Recipe.from_json(text).name, Recipe.from_json(text).epochs, Recipe.from_json(text).bs) == ('quick', 2, 4)


@pytest.mark.parametrize('words,message', [
    (['train', 'nowhere.json'], 'nowhere.json cannot be read'), (['train', 'lr=x', '--profile', 'smoke'], "lr='x'"),
    (['train', '--profile', 'huge'], "unknown profile 'huge'"), (['recipe', 'lr=1', 'fast'], "'fast' is neither"),
    (['recipe', '--profile', 'smoke', 'epoch=3'], "did you mean 'epochs'")])
def test_mistakes_in_the_shell_are_one_sentence(words, message):
    with pytest.raises(SystemExit) as stop: cli(words)
    assert message in str(stop.value) and 'Traceback' not in str(stop.value)


def test_a_file_that_is_not_json(tmp_path):
    (tmp_path/'bad.json').write_text('{')
    with pytest.raises(SystemExit, match='bad.json is not JSON'): cli(['train', str(tmp_path/'bad.json')])


def test_train_compare_and_show(tmp_path, capsys, tiny_network):
    for name, lr in (('slow', .001), ('fast', .01)): (tmp_path/f'{name}.json').write_text(json.dumps(SMALL | {'lr': lr}))
    files = [str(tmp_path/f'{name}.json') for name in ('slow', 'fast')]
    code, text = sotatrain('train', files[0], '--seed', '1', '--device', 'cpu', capsys=capsys)
    assert code == 0 and text.startswith('slow, seed 1: accuracy')
    _, text = sotatrain('compare', *files, '--seeds', '2', '--name', 'rates', '--results', str(tmp_path), capsys=capsys)
    assert 'fast' in text and 'with 2 seeds' in text
    _, again = sotatrain('show', 'rates', '--results', str(tmp_path), capsys=capsys)
    assert again == text
    assert sotatrain('show', '--results', str(tmp_path), capsys=capsys)[1] == 'rates\n'
    assert 'Not measured yet' in sotatrain('show', 'x', '--results', str(tmp_path), capsys=capsys)[1]


def test_a_failed_run_is_a_failed_command(tmp_path, capsys, tiny_network):
    (tmp_path/'wild.json').write_text(json.dumps(SMALL | dict(lr=1e38, opt='SGD', epochs=3, schedule='constant')))
    assert sotatrain('train', str(tmp_path/'wild.json'), capsys=capsys)[0] == 1


def test_interruption_in_the_shell_says_how_to_go_on(monkeypatch, tmp_path):
    (tmp_path/'a.json').write_text(json.dumps(SMALL))
    monkeypatch.setattr('sotatrain.experiment.compare', lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit, match='the same command goes on'): cli(['compare', str(tmp_path/'a.json'), '--name', 'x'])


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    "A real process, a real signal."
    (tmp_path/'a.json').write_text(json.dumps(SMALL))
    command = [sys.executable, '-m', 'sotatrain.cli', 'compare', str(tmp_path/'a.json'), '--seeds', '1000', '--name', 'x', '--results', str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            deadline = time.monotonic() + 120
            while len([*tmp_path.glob('x/*.json')]) < 2 and time.monotonic() < deadline and child.poll() is None: time.sleep(.1)
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
        finally: child.kill()
    assert child.returncode == 1 and 'interrupted; finished runs are kept, and the same command goes on' in err
    assert len(load_runs('x', tmp_path)) >= 2 and not [*tmp_path.glob('x/.*')]
