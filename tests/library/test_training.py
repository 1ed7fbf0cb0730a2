"""Carrying recipes out: one run, and comparisons that are interrupted and go on."""
import math
import os
import re
import shutil
import warnings
from dataclasses import replace

import pytest
import torch
from fastai.vision.all import load_learner

from sotatrain.core import bars
from sotatrain.experiment import (
    Recipe,
    compare,
    learner_of,
    load_runs,
    store,
    train,
    trained_learner,
    training,
)
from sotatrain.learner import Diverged
from sotatrain.resizing import Stage
from sotatrain.tta import tta
from tests.library.fakes import SMALL, measured

pytestmark = pytest.mark.usefixtures('own_cache')


@pytest.fixture
def recipes():
    first = Recipe(**SMALL)
    return [first, replace(first, name='fast', lr=1e-2)]


def wild(first, name='wild'):
    "A recipe whose loss diverges."
    return replace(first, name=name, opt='SGD', lr=1e38, epochs=3, schedule='constant')


# --- one run

def test_same_seed_same_numbers(recipes, tiny_network):
    a, b, c = (train(recipes[0], seed, progress=False) for seed in (1, 1, 2))
    assert measured(a) == measured(b) != measured(c)


def test_a_real_network_repeats_itself():
    a, b = (train(Recipe(**SMALL), 3, progress=False) for _ in range(2))
    assert measured(a) == measured(b)


def test_a_run_says_what_it_measured(recipes, tiny_network):
    run = train(replace(recipes[0], epochs=2), progress=False)
    assert len(run.epochs) == 2
    assert set(run.epochs[0]) == {
        'stage', 'size', 'train_loss', 'valid_loss', 'accuracy', 'seconds', 'images_per_second'}
    assert run.accuracy == run.epochs[-1]['accuracy']
    assert run.seconds > 0
    assert run.images_per_second > 0
    assert run.peak_memory_mb > 50
    assert 'baseline, seed 0: accuracy' in str(run)


def test_a_run_says_where_and_when(recipes, tiny_network):
    run = train(recipes[0], progress=False)
    assert [run.data[split] for split in ('train', 'val')] == [20, 10]
    assert all(re.fullmatch('[0-9a-f]{16}', run.data[f'{s}_content']) for s in ('train', 'val'))
    assert re.match(r'20\d\d-\d\d-\d\dT', run.conditions['date'])
    assert torch.__version__.startswith(run.conditions['versions']['torch'])
    assert run.conditions['gflops'] == run.conditions['gflops_fp32'] == 100


EVERY_FIELD = Recipe(
    data='doodlenette-20-10',
    stages=[dict(size=16, epochs=1, bs=10, lr=1e-3), dict(size=24, epochs=2, bs=5, lr=1e-2)],
    schedule='flat_cos',
    opt={'SGD': {'mom': .5}},
    wd=.2,
    loss={'LabelSmoothingCrossEntropyFlat': {'eps': .3}},
    cbs={'GradientClip': {'max_norm': .5}},
    augment={'flip': 0.},
    batch_tfms={'Normalize': {'mean': None, 'std': None}},
    tta={'n': 1})


def test_every_field_of_a_recipe_reaches_the_run(tiny_network):
    learn = learner_of(EVERY_FIELD)
    assert learn.wd == .2
    assert learn.loss_func.func.eps == .3
    assert learn.gradient_clip.max_norm == .5
    assert learn.opt_func.keywords == {'mom': .5}
    assert learn.dls.train.size == 24
    assert learn.dls.train.bs == 5
    assert learn.dls.train.augment.flip == 0
    run = train(EVERY_FIELD, progress=False)
    assert [epoch['stage'] for epoch in run.epochs] == [0, 1, 1]
    assert 0 <= run.accuracy <= 1


def test_a_stage_may_have_a_schedule_of_its_own(tiny_network):
    stages = [
        dict(size=16, epochs=1, bs=10, lr=1e-3),
        dict(size=24, epochs=2, bs=10, lr=1e-3, schedule='fine_tune')]
    run = train(Recipe(data='doodlenette-20-10', stages=stages), progress=False)
    places = [(epoch['stage'], epoch['size']) for epoch in run.epochs]
    assert places == [(0, 16), (1, 24), (1, 24)]


def test_the_schedule_of_each_stage_is_the_one_that_trains(tiny_network, monkeypatch):
    asked = []
    monkeypatch.setattr(training, 'fit_progressive', lambda learn, get_dls, stages, **_: (
        asked.extend(stage.schedule for stage in stages)))
    stages = [dict(size=16, epochs=1, bs=10, lr=1e-3), Stage(24, 2, 10, 1e-3, 'fine_tune')]
    trained_learner(
        Recipe(data='doodlenette-20-10', stages=stages, schedule='flat_cos'), progress=False)
    assert asked == ['flat_cos', 'fine_tune']


def test_stages_and_dicts_train_the_same(tiny_network):
    values = [dict(size=16, epochs=1, bs=10, lr=1e-3), dict(size=24, epochs=1, bs=5, lr=1e-2)]
    a, b = (
        train(Recipe(data='doodlenette-20-10', stages=stages), progress=False)
        for stages in (values, [Stage(**stage) for stage in values]))
    assert measured(a) == measured(b)
    assert a.recipe == b.recipe


def test_a_size_that_grows(recipes, tiny_network):
    grow = {'ProgressiveResize': {'small': 16}}
    run = train(
        replace(recipes[0], size=32, presize=32, epochs=4, cbs=grow), progress=False)
    sizes = [epoch['size'] for epoch in run.epochs]
    assert sizes == sorted(sizes)
    assert sizes[0] < 32
    assert sizes[-1] == 32


def test_a_learner_after_its_training(recipes, tiny_network):
    learn = trained_learner(recipes[0], 1, progress=False)
    accuracy = train(recipes[0], 1, progress=False).accuracy
    with learn.no_bar(): assert learn.validate()[1] == pytest.approx(accuracy, abs=1e-6)


def test_a_learner_whose_loss_diverged_is_an_error(recipes, tiny_network):
    with pytest.raises(Diverged, match='the loss is'):
        trained_learner(wild(recipes[0]), progress=False)


def test_a_run_says_how_well_it_is_calibrated(recipes, tiny_network):
    plain, corners = (
        train(replace(recipes[0], tta=tta), progress=False).calibration_error
        for tta in (None, {'views': 'five_crop'}))
    assert 0 <= plain <= 1
    assert plain != corners


def test_noise_is_in_the_training_labels_only(recipes, tiny):
    def targets(noise):
        learn = learner_of(replace(recipes[0], noise=noise), data=tiny)
        return [dl.targets[0] for dl in learn.dls]
    (train, valid), (noisy, noisy_valid) = targets(0), targets(25)
    assert (train != noisy).float().mean() == .25
    assert torch.equal(valid, noisy_valid)
    message = 'no labels with 30 % errors: choose from 0, 1, 5, 25, 50'
    with pytest.raises(ValueError, match=message): targets(30)


def test_a_run_can_be_exported(recipes, tiny_network, tmp_path):
    file = tmp_path/'mine.pkl'
    run = train(replace(recipes[0], cbs={'MixUp': {}}), progress=False, export=file)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        learn = load_learner(file)
    pictures = learner_of(recipes[0]).dls.valid.items
    data = learn.dls.test_dl(pictures, with_labels=True)
    with learn.no_bar(): p, y = learn.get_preds(dl=data)
    accuracy = (p.argmax(1) == y).float().mean().item()
    assert accuracy == pytest.approx(run.accuracy, abs=1e-6)
    assert [*tmp_path.iterdir()] == [file]


def test_an_export_to_nowhere_is_an_error_before_the_training(recipes, tiny_network, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist: make this folder'):
        train(recipes[0], export=tmp_path/'nowhere'/'mine.pkl')


def test_tta_without_parameters_is_tta_with_its_defaults(recipes, tiny_network, monkeypatch):
    asked = []
    def watched(learn, **options):
        asked.append(options)
        return tta(learn, n=0)
    monkeypatch.setattr(training, 'tta', watched)
    for options in (None, {}, {'n': 2}): train(replace(recipes[0], tta=options), progress=False)
    assert asked == [{'n': 0}, {}, {'n': 2}]


def test_the_reference_pipeline(recipes, tiny_network):
    run = train(replace(recipes[0], loader='datablock'), progress=False)
    assert len(run.epochs) == 1


def test_any_other_error_is_raised(recipes):
    with pytest.raises(ValueError, match='unknown network'):
        train(replace(recipes[0], arch='xresnet81'), progress=False)


def test_the_bar_counts_every_batch(recipes, tiny_network, capsys, monkeypatch):
    monkeypatch.setattr(bars, 'shows_bars', lambda: True)
    train(replace(recipes[0], epochs=2))
    out = capsys.readouterr().out
    assert '100.00% [6/6' in out  # in each epoch two of training, one of validation
    assert 'accuracy' in out


def test_the_bar_knows_that_not_every_epoch_is_validated(
    recipes, tiny_network, capsys, monkeypatch,
):
    monkeypatch.setattr(bars, 'shows_bars', lambda: True)
    train(replace(recipes[0], epochs=3, cbs={'ValidateEvery': {'n': 2}}))
    assert '100.00% [8/8' in capsys.readouterr().out  # after the second epoch, and the last


def test_in_a_log_each_epoch_is_a_line(recipes, tiny_network, capsys):
    train(replace(recipes[0], epochs=2))
    first, second = capsys.readouterr().out.splitlines()
    pattern = (r'baseline, seed 0: epoch 1 of 2, train loss \d\.\d+, valid loss \d\.\d+, '
               r'accuracy \d+\.\d %, [\d,]+ images/s, \d+ s left')
    assert re.fullmatch(pattern, first)
    assert second.endswith(', 0 s left')


def test_nothing_is_said_if_nothing_is_to_be_shown(recipes, tiny_network, capsys):
    train(recipes[0], progress=False)
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('bs', [21, 500])
def test_a_batch_larger_than_the_training_set_is_an_error(recipes, trained, tmp_path, bs):
    large = replace(recipes[0], name='large', bs=bs)
    for use in (train, trained_learner, learner_of, lambda r: compare([*recipes, r], [0])):
        with pytest.raises(ValueError, match=f'bs={bs} is more than the 20 training pictures'):
            use(large)
    assert trained == []


def test_predictions_that_are_not_finite_are_a_failed_run(recipes, tiny_network, tmp_path):
    run = train(replace(recipes[0], lr=1e30, opt='SGD', bs=20), progress=False)
    assert run.failed
    assert 'NaN or infinite' in run.error or 'the loss is' in run.error
    assert run.accuracy is None
    store.write(run, tmp_path/'run.json')
    assert ': NaN' not in (tmp_path/'run.json').read_text()
    with pytest.raises(Diverged):
        trained_learner(replace(recipes[0], lr=1e30, opt='SGD', bs=20), progress=False)


def test_predictions_are_checked_even_if_no_loss_tells(recipes, tiny_network, monkeypatch):
    def broken(learn, **_): return torch.full((10, 10), math.nan), torch.zeros(10).long()
    monkeypatch.setattr(training, 'tta', broken)
    run = train(recipes[0], progress=False)
    assert run.error.startswith('10 of 10 final predictions are not finite')


def test_what_was_trained_is_kept_if_the_export_fails(
    recipes, tiny_network, tmp_path, monkeypatch,
):
    def fails(*args): raise OSError('the disk is gone')
    monkeypatch.setattr('fastai.learner.Learner.export', fails)
    with pytest.raises(OSError, match='accuracy .*the disk is gone.* is kept as') as error:
        train(recipes[0], progress=False, export=tmp_path/'mine.pkl')
    kept = re.search(r'kept as (\S+)', str(error.value))[1]
    assert len(torch.load(kept)) > 2


def test_an_export_to_a_folder_is_an_error_before_the_training(recipes, trained, tmp_path):
    with pytest.raises(OSError, match='is a folder'): train(recipes[0], export=tmp_path)
    assert trained == []


def test_classes_may_have_weights(recipes, tiny_network, tiny):
    def weight(value):
        recipe = replace(recipes[0], loss={'CrossEntropyLossFlat': {'weight': value}})
        return learner_of(recipe, data=tiny).loss_func.func.weight.tolist()
    assert weight([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == [*range(1, 11)]
    assert sorted(weight({'church': 4})) == [1]*9 + [4]
    balanced = weight('balanced')
    labels = learner_of(recipes[0], data=tiny).dls.train.targets[0]
    counts = torch.bincount(labels, minlength=10)
    assert (torch.tensor(balanced) * counts).tolist() == pytest.approx([4]*10)
    with pytest.raises(ValueError, match='weight has 2 numbers for 10 classes'): weight([1, 2])
    with pytest.raises(TypeError, match="no 'chruch'; did you mean 'church'"):
        weight({'chruch': 2})


def test_metrics_are_measured_with_the_final_predictions(recipes, tiny_network):
    recipe = replace(
        recipes[0], metrics={'error_rate': {}, 'top_k_accuracy': {'k': 10}, 'F1Score': {
            'average': 'macro'}})
    run = train(recipe, progress=False)
    assert run.metrics['error_rate'] == pytest.approx(1 - run.accuracy, abs=1e-6)
    assert run.metrics['top_k_accuracy'] == 1
    assert 0 <= run.metrics['F1Score'] <= 1
    assert run.epochs[0]['error_rate'] == pytest.approx(1 - run.epochs[0]['accuracy'], abs=1e-6)


def test_the_run_has_the_data_that_were_used(recipes, tiny_network, tiny):
    run = train(recipes[0], data=tiny, progress=False)
    assert run.recipe.data == 'doodlenette' == run.data['folder']
    assert run.data['train'] == 40


# --- several runs

def test_comparing_takes_the_same_seeds(recipes, tiny_network):
    c = compare(recipes, [4, 7], progress=False)
    pairs = [(run.recipe.name, run.seed) for run in c.runs]
    assert pairs == [('baseline', 4), ('baseline', 7), ('fast', 4), ('fast', 7)]
    assert [row.name for row in c.rows] == ['baseline', 'fast']
    assert c.rows[1].difference.n == 2


@pytest.fixture
def trained(monkeypatch):
    "The names of the recipes that were trained, in order."
    names, fit = [], training._fit
    def watched(learn, recipe, *rest):
        names.append(recipe.name)
        return fit(learn, recipe, *rest)
    monkeypatch.setattr(training, '_fit', watched)
    return names


def ways_to_predict(recipes):
    "Three that differ in their TTA only, and another one."
    first, fast = recipes
    corners = replace(first, name='corners', tta={'views': 'five_crop'})
    flip = replace(first, name='flip', tta={'views': 'flip', 'beta': .5})
    return [first, corners, flip, fast]


def test_recipes_that_differ_in_tta_share_a_training(
    recipes, tiny_network, tmp_path, trained, capsys, monkeypatch,
):
    monkeypatch.setattr(bars, 'shows_bars', lambda: True)
    ways = ways_to_predict(recipes)
    alone = [train(recipe, 1, progress=False) for recipe in ways]
    trained.clear()
    together = compare(ways, range(2), 'x', folder=tmp_path)
    assert trained == ['baseline', 'fast']*2
    assert '100.00% [12/12' in capsys.readouterr().out  # 2 + 1 batches for each training
    second = [run for run in together.runs if run.seed == 1]
    assert [*map(measured, second)] == [*map(measured, alone)]

    trained.clear()
    (tmp_path/'x'/'flip-seed1.json').unlink()
    again = compare(ways, range(2), 'x', folder=tmp_path, progress=False)
    assert trained == ['baseline']  # whose training run it shares
    assert [*map(measured, again.runs)] == [*map(measured, together.runs)]


@pytest.mark.parametrize('stop_after', [1, 2, 3])
def test_resumed_equals_uninterrupted(
    recipes, tiny_network, tmp_path, monkeypatch, stop_after,
):
    whole = compare(recipes, range(2), 'whole', folder=tmp_path, progress=False)
    fit, done = training._fit, []
    def interrupted(*args):
        if len(done) == stop_after: raise KeyboardInterrupt
        done.append(fit(*args))
    monkeypatch.setattr(training, '_fit', interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(recipes, range(2), 'parts', folder=tmp_path, progress=False)
    assert len(load_runs('parts', tmp_path)) == stop_after  # what was finished is kept

    monkeypatch.setattr(training, '_fit', fit)
    parts = compare(recipes, range(2), 'parts', folder=tmp_path, progress=False)
    assert [*map(measured, parts.runs)] == [*map(measured, whole.runs)]
    assert [row.difference for row in parts.rows] == [row.difference for row in whole.rows]


def test_finished_runs_are_not_repeated(recipes, tiny_network, tmp_path, monkeypatch):
    first = compare(recipes, range(1), 'x', folder=tmp_path, progress=False)
    monkeypatch.setattr(training, '_fit', None)
    assert compare(recipes, range(1), 'x', folder=tmp_path, progress=False).runs == first.runs


def test_finished_runs_of_stages_are_not_repeated(tiny_network, tmp_path, monkeypatch):
    first = compare([EVERY_FIELD], range(1), 'x', folder=tmp_path, progress=False)
    monkeypatch.setattr(training, '_fit', None)
    again = compare([EVERY_FIELD], range(1), 'x', folder=tmp_path, progress=False)
    assert again.runs == first.runs


def test_another_recipe_of_the_same_name_is_an_error(recipes, tiny_network, tmp_path):
    kept = dict(experiment='x', folder=tmp_path, progress=False)
    compare(recipes[:1], range(1), **kept)
    message = 'another recipe with this name .lr: 0.001 there, 0.5 here'
    with pytest.raises(ValueError, match=message):
        compare([replace(recipes[0], lr=.5)], range(1), **kept)
    with pytest.raises(ValueError, match='data: '):
        compare(recipes[:1], range(1), data=training.dataset('doodlenette-30-10'), **kept)


def test_recipes_and_seeds_must_differ(recipes):
    with pytest.raises(ValueError, match="two recipes are called 'baseline'"):
        compare([recipes[0]]*2)
    with pytest.raises(ValueError, match='two seeds are 1'): compare(recipes, [1, 1])
    with pytest.raises(ValueError, match='nothing to compare'): compare([])
    with pytest.raises(ValueError, match='nothing to compare'): compare(recipes, [])


def test_recipes_with_like_names_have_files_of_their_own(recipes, tiny_network, tmp_path):
    like = [replace(recipes[0], name=name) for name in ('a b', 'a_b', 'A b', 'a-b', 'база')]
    compare(like, [0], 'x', folder=tmp_path, progress=False)
    assert sorted(run.recipe.name for run in load_runs('x', tmp_path)) == sorted(
        recipe.name for recipe in like)


def copied(folder, to):
    "The same pictures in another folder, with other times."
    shutil.copytree(folder, to, copy_function=shutil.copy)
    return to


def test_the_same_data_elsewhere_serve_stored_runs(
    recipes, trained, tiny_network, tiny, tmp_path,
):
    kept = dict(experiment='x', folder=tmp_path/'results', progress=False)
    compare(recipes[:1], [0], data=tiny, **kept)
    compare(recipes[:1], [0], data=copied(tiny, tmp_path/'elsewhere'), **kept)
    assert trained == ['baseline']


def test_other_pictures_of_the_same_number_do_not(recipes, tiny_network, tiny, tmp_path):
    kept = dict(experiment='x', folder=tmp_path/'results', progress=False)
    compare(recipes[:1], [0], data=tiny, **kept)
    other = copied(tiny, tmp_path/'a'/tiny.name)
    first, second, *_ = training.image_files(other)
    first.write_bytes(second.read_bytes())
    with pytest.raises(ValueError, match='data: '):
        compare(recipes[:1], [0], data=other, **kept)


def test_another_table_of_labels_is_other_data(recipes, tiny_network, tiny, tmp_path):
    noisy = [replace(recipes[0], noise=50)]
    kept = dict(experiment='x', folder=tmp_path/'results', progress=False)
    data = copied(tiny, tmp_path/tiny.name)
    compare(noisy, [0], data=data, **kept)
    table, = data.glob('noisy_*.csv')
    head, first, *rest = table.read_text().splitlines()
    path, label = first.split(',')[:2]
    other = next(d.name for d in (data/'train').iterdir() if d.name != label)
    table.write_text('\n'.join([head, first.replace(f',{label}', f',{other}'), *rest]))
    with pytest.raises(ValueError, match='data: '): compare(noisy, [0], data=data, **kept)


def test_recipes_scored_on_other_pictures_are_no_pairs(recipes, trained):
    other = replace(recipes[1], data='doodlenette-20-20')
    with pytest.raises(ValueError, match='different validation pictures'):
        compare([recipes[0], other], [0])
    assert trained == []


def test_a_diverged_run_is_stored_as_failed(recipes, tiny_network, tmp_path):
    both = [recipes[0], wild(recipes[0])]
    c = compare(both, range(2), 'x', folder=tmp_path, progress=False)
    failed = [run for run in load_runs('x', tmp_path) if run.failed]
    assert len(failed) == 2
    assert 'try a rate ten times lower' in failed[0].error
    assert '2 of 2 runs failed' in str(c)


def test_a_stored_run_of_another_name_is_an_error(tiny_network, tmp_path):
    kept = dict(experiment='x', folder=tmp_path, progress=False)
    first = Recipe(**SMALL | {'name': 'A b'})
    compare([first], range(1), **kept)
    file, = tmp_path.glob('x/*.json')
    file.rename(store.file_of(replace(first, name='a b'), 0, 'x', tmp_path))
    with pytest.raises(ValueError, match="name: 'A b' there, 'a b' here"):
        compare([replace(first, name='a b')], range(2), **kept)


def test_the_first_recipe_is_the_reference_whatever_was_stored(tiny_network, tmp_path):
    first, fast = Recipe(**SMALL), Recipe(**SMALL | {'name': 'fast', 'lr': .01})
    kept = dict(experiment='x', folder=tmp_path, progress=False)
    compare([first, fast], range(2), **kept)
    again = compare([fast, first], range(2), **kept)
    assert [row.name for row in again.rows] == ['fast', 'baseline']


def test_names_without_a_latin_letter_can_be_compared_and_stored(tiny_network, tmp_path):
    recipe = Recipe(**SMALL | {'name': 'база'})
    assert compare([recipe], [0], progress=False).rows[0].n == 1
    compare([recipe], [0], 'x', folder=tmp_path, progress=False)
    assert [run.recipe.name for run in load_runs('x', tmp_path)] == ['база']


@pytest.mark.parametrize('loss', ['CrossEntropyLossFlat', 'LabelSmoothingCrossEntropy'])
@pytest.mark.parametrize('weight', ['balanced', [1.]*9 + [3.], {'church': 2}])
def test_a_run_may_weigh_its_classes(recipes, tiny_network, loss, weight):
    run = train(replace(recipes[0], loss={loss: {'weight': weight}}), progress=False)
    assert not run.failed and run.recipe.loss == {loss: {'weight': weight}}


def test_which_pictures_are_left_out_is_said(recipes, tiny_network, tmp_path, capsys, tiny):
    folder = shutil.copytree(tiny, tmp_path/'set')
    bad = sorted((folder/'train').glob('*/*'))[3]
    bad.write_bytes(b'no picture')
    with pytest.raises(ValueError, match=bad.name):
        train(recipes[0], data=folder, progress=False)
    run = train(recipes[0], data=folder, progress=False, on_error='skip')
    assert not run.failed and run.data['train'] == 39
    said = capsys.readouterr().out
    assert '1 pictures' in said and bad.relative_to(folder).as_posix() in said


def test_pictures_that_change_places_are_other_data(recipes, tiny, tmp_path):
    "Also if size and time of the last change are the same, as archives may make them."
    folder = shutil.copytree(tiny, tmp_path/'set')
    one, other = (sorted(d.glob('*'))[0] for d in sorted((folder/'train').iterdir())[:2])
    for file in (one, other): file.write_bytes(file.read_bytes()[:1500].ljust(1500, b' '))
    for file in (one, other): os.utime(file, ns=(10**18, 10**18))
    before = training.data_facts(recipes[0], folder)
    one.rename(tmp_path/'x')
    other.rename(one)
    (tmp_path/'x').rename(other)
    assert training.data_facts(recipes[0], folder) != before


def test_recipes_that_use_the_same_pictures_and_labels_share_one_reading(
        recipes, tiny_network, monkeypatch):
    read, facts = [], training.data_facts
    def counted(recipe, *rest):
        read.append(recipe.name)
        return facts(recipe, *rest)
    monkeypatch.setattr(training, 'data_facts', counted)
    wrong = replace(recipes[0], name='wrong', noise=25)
    runs = compare([*recipes, wrong], seeds=[0], progress=False).runs
    assert read == [recipes[0].name, 'wrong']
    assert [('labels' in run.data) for run in runs] == [False, False, True]


@pytest.mark.parametrize('n, validated', [
    (1, [1, 1, 1, 1, 1]), (2, [0, 1, 0, 1, 1]), (9, [0, 0, 0, 0, 1])])
def test_validation_after_some_epochs_only(n, validated):
    small = SMALL | dict(arch={'plain_net': {'widths': [4, 4, 8], 'blocks': [0]}}, epochs=5)
    plain, some = (train(Recipe(**small | dict(cbs=cbs)), progress=False)
                   for cbs in ({}, {'ValidateEvery': {'n': n}}))
    assert ['valid_loss' in epoch for epoch in some.epochs] == [bool(v) for v in validated]
    assert measured(plain)[2] == measured(some)[2]
    assert [e['train_loss'] for e in plain.epochs] == [e['train_loss'] for e in some.epochs]
