"""Runs as files: their names, their lines, where they are, and what a damaged one says."""
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sotatrain.experiment import (
    Recipe,
    experiments,
    load_runs,
    results_folder,
    store,
    stored_differences,
    stored_results,
)
from tests.forked import Forked
from tests.library.fakes import STAGE, fake_comparison, fake_run

ROOT = Path(__file__).resolve().parents[2]
EPOCH = dict(stage=0, size=16., train_loss=1., valid_loss=2., accuracy=.5, seconds=1.)


def store_better(folder):
    "The runs of a comparison of `baseline` and `better`, as the experiment `x`."
    for run in fake_comparison().runs:
        store.write(run, store.file_of(run.recipe, run.seed, 'x', folder))


def names(comparison): return [row.name for row in comparison.rows]


# --- names of files

@pytest.mark.parametrize('name,slug', [
    ('baseline', 'baseline'),
    ('MixUp', 'mixup'),
    ('Mixup and smoothing, 25 wrong', 'mixup-and-smoothing-25-wrong'),
    ('rate 0.006', 'rate-0.006'),
    ('five_crop', 'five-crop'),
    ('  a  --  b!  ', 'a-b'),
    ('64 px', '64-px'),
    ('Äpfel, Öl, Übung', 'apfel-ol-ubung'),
    ('café', 'cafe'),
    ('cafe\N{COMBINING ACUTE ACCENT}', 'cafe'),
    ('2 × faster', '2-faster'),
    ('Größe', 'grosse'),
    ('- .a', 'a'),
    ('and so on …', 'and-so-on'),
    ('v1.2.', 'v1.2'),
])
def test_the_slug_of_a_name(name, slug): assert store.slug(name) == slug


@pytest.mark.parametrize('name,stem', [
    ('baseline', 'baseline'),
    ('64 px', '64-px'),
    ('rate 0.006', 'rate-0.006'),
])
def test_a_name_that_its_slug_tells_is_its_stem(name, stem): assert store.stem(name) == stem


@pytest.mark.parametrize('name', ['!?', '– —', '数据', 'MixUp', 'a-b', '..', 'a'*100, 'ﷺ'*100])
def test_any_other_name_has_a_stem_with_a_digest(name):
    assert re.fullmatch('[a-z0-9.-]+_[0-9a-f]{10}', store.stem(name))
    assert len(store.stem(name)) <= 91


@pytest.mark.parametrize('name', ['CON', 'nul', 'com1.2', 'LPT9', 'con .x'])
def test_names_of_windows_devices_are_refused(name):
    with pytest.raises(ValueError, match='Windows has a device of that name'):
        store.check_experiment(name)
    with pytest.raises(ValueError, match='Windows'): Recipe(name)


@hypothesis_settings(deadline=None, max_examples=300)
@given(st.lists(st.text('aAbB -_.,é数', min_size=1, max_size=4), min_size=2, unique=True))
def test_two_names_never_share_a_file_on_any_disk(names):
    stems = [store.stem(name).casefold() for name in names]
    assert len({*stems}) == len(names)


def test_runs_that_earlier_versions_named_are_found(tmp_path):
    run = fake_run('Mixup, 25 wrong')
    earlier = tmp_path/'x'/'mixup-25-wrong-seed0.json'
    store.write(run, earlier)
    assert store.file_of(run.recipe, 0, 'x', tmp_path) == earlier
    other = store.file_of(Recipe('mixup 25, wrong'), 0, 'x', tmp_path)
    assert other.name == f"{store.stem('mixup 25, wrong')}-seed0.json"


@pytest.mark.parametrize('name', ['../x', 'a/b', '.x', '', ' ', 'x'*101, 'a\\b', 3])
def test_an_experiment_is_named_like_a_folder(tmp_path, name):
    for use in (load_runs, store.check_experiment):
        with pytest.raises((ValueError, TypeError), match='experiment='): use(name, tmp_path)
    with pytest.raises((ValueError, TypeError)): store.file_of(Recipe(), 0, name, tmp_path)


def test_an_experiment_may_not_differ_from_another_in_case_only(tmp_path):
    store_better(tmp_path)
    store.check_experiment('x', tmp_path)
    with pytest.raises(ValueError, match="experiment='X': there is 'x'"):
        store.check_experiment('X', tmp_path)


def test_a_run_that_names_what_is_no_longer_registered_can_be_read(tmp_path):
    file = tmp_path/'run.json'
    store.write(fake_run(), file)
    file.write_text(file.read_text().replace('"cbs": {}', '"cbs": {"OnceMine": {"a": 1}}'))
    assert store.read(file).recipe.cbs == {'OnceMine': {'a': 1}}


@hypothesis_settings(deadline=None)
@given(st.text())
def test_a_slug_is_words_joined_by_hyphens_and_its_own_slug(name):
    slug = store.slug(name)
    assert set(slug) <= set('abcdefghijklmnopqrstuvwxyz0123456789.-')
    assert not slug or all(slug.split('-'))
    assert len(slug) <= 80
    assert store.slug(slug) == slug


def test_a_file_is_named_after_its_experiment_recipe_and_seed(tmp_path):
    file = store.file_of(Recipe('Label Smoothing, 5 %'), 3, 'soft-targets', tmp_path)
    assert file == (
        tmp_path/'soft-targets'/f"{store.stem('Label Smoothing, 5 %')}-seed3.json")


# --- reading and writing

def test_a_run_is_the_same_after_storing(tmp_path):
    run = fake_run(
        epochs=[dict(stage=0, train_loss=1., valid_loss=2., accuracy=.5, seconds=1.)])
    store.write(run, tmp_path/'x'/'run.json')
    assert store.read(tmp_path/'x'/'run.json') == run
    assert [f.name for f in (tmp_path/'x').iterdir()] == ['run.json']


@pytest.mark.parametrize('changes', [
    dict(recipe=Recipe('staged', stages=[STAGE, STAGE | {'schedule': 'constant'}])),
    dict(recipe=Recipe('naïve – 50 %', cbs={'MixUp': {'alpha': .3}}, tta={})),
    dict(error='the loss is nan', accuracy=None),
    dict(error='two\nlines, "quotes" and ümlauts'),
    dict(epochs=[EPOCH, EPOCH | {'train_loss': None}]),
    dict(data={}),
], ids=['stages', 'names', 'failed', 'text', 'nothing measured', 'empty'])
def test_whatever_is_in_a_run_is_the_same_after_storing(tmp_path, changes):
    run = fake_run(**changes)
    store.write(run, tmp_path/'run.json')
    assert store.read(tmp_path/'run.json') == run


def test_a_file_has_an_epoch_a_line(tmp_path):
    run = fake_run(epochs=[EPOCH | {'accuracy': i / 60} for i in range(60)])
    store.write(run, tmp_path/'run.json')
    lines = (tmp_path/'run.json').read_text().splitlines()
    start = lines.index(' "epochs": [') + 1
    epochs = [json.loads(line.rstrip(',')) for line in lines[start:lines.index(' ],')]]
    assert epochs == run.epochs
    assert len(epochs) == 60
    assert sum('train_loss' in line for line in lines) == 60
    assert store.read(tmp_path/'run.json') == run


def test_lines_are_the_json_of_the_values():
    values = {'a': 1, 'b': {}, 'c': [], 'd': {'e': [1, {'f': None}]}, 'g': [[], 'é"\n']}
    assert json.loads(store.in_lines(values)) == values


@pytest.mark.parametrize('file', sorted((ROOT/'results'/'experiments').glob('*/*-seed0.json')),
                         ids=lambda file: f'{file.parent.name}, {file.stem}')
def test_the_books_files_are_named_and_written_as_new_ones_would_be(file):
    run = store.read(file)
    assert file == store.file_of(run.recipe, run.seed, file.parent.name, file.parents[1])
    values = json.loads(file.read_text(encoding='utf-8'))
    assert file.read_text(encoding='utf-8') == store.in_lines(values)


@pytest.mark.parametrize('change,message', [
    (lambda v: v | {'format': 99},
     'format 99, and this version reads up to 2: update sotatrain'),
    (lambda v: {k: x for k, x in v.items() if k != 'format'}, "'format'"),
    (lambda v: v | {'colour': 'red'}, 'colour'),
    (lambda v: v | {'recipe': v['recipe'] | {'warp': 1}}, "no 'warp'"),
    (lambda v: [], 'no readable run'),
])
def test_a_file_that_cannot_be_read_is_named(tmp_path, change, message):
    file = tmp_path/'run.json'
    store.write(fake_run(), file)
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ValueError, match=message) as error: store.read(file)
    assert str(file) in str(error.value)


def test_half_a_file_is_an_error(tmp_path):
    file = tmp_path/'run.json'
    store.write(fake_run(), file)
    file.write_text(file.read_text()[:100])
    with pytest.raises(ValueError, match='no readable run'): store.read(file)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*args): raise OSError('disk full')
    monkeypatch.setattr('sotatrain.core.cache.os.replace', full)
    with pytest.raises(OSError): store.write(fake_run(), tmp_path/'run.json')
    assert not [*tmp_path.iterdir()]


def write_many(folder):
    for i in range(20): store.write(fake_run(seed=i), folder/'x'/f'run{i}.json')


def test_two_processes_write_the_same_files(tmp_path):
    both = [Forked(tmp_path, write_many, tmp_path) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert [run.seed for run in load_runs('x', tmp_path)] == [*range(20)]
    assert len([*(tmp_path/'x').iterdir()]) == 20


# --- where they are

def test_results_are_kept_in_the_checkout():
    assert results_folder() == ROOT/'results'/'experiments'


def test_results_are_kept_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv('SOTATRAIN_RESULTS', str(tmp_path/'mine'))
    assert results_folder() == tmp_path/'mine'
    monkeypatch.setenv('SOTATRAIN_RESULTS', '~/mine')
    assert results_folder() == Path.home()/'mine'
    monkeypatch.setenv('SOTATRAIN_RESULTS', '')
    assert results_folder() == ROOT/'results'/'experiments'


@pytest.fixture
def installed(monkeypatch, tmp_path):
    "The package's folder, as if it was installed, and we worked in another one."
    package = tmp_path/'site-packages'/'sotatrain'
    (tmp_path/'here').mkdir()
    monkeypatch.setattr(store, 'PACKAGE', package)
    monkeypatch.chdir(tmp_path/'here')
    return package


def test_without_a_checkout_results_are_kept_in_the_working_directory(installed):
    assert results_folder() == Path.cwd()/'results'/'experiments'


def test_the_package_carries_results_and_ones_own_come_first(installed):
    file = store.file_of(Recipe(), 0, 'x', installed/'results'/'experiments')
    store.write(fake_run(accuracy=.5), file)
    assert [run.accuracy for run in load_runs('x')] == [.5]
    store.write(fake_run(accuracy=.6), store.file_of(Recipe(), 0, 'x'))
    assert [run.accuracy for run in load_runs('x')] == [.6]


def test_a_folder_that_is_given_is_the_only_one(monkeypatch, tmp_path):
    monkeypatch.setenv('SOTATRAIN_RESULTS', str(tmp_path/'other'))
    store_better(results_folder())
    assert len(load_runs('x')) == 6
    assert load_runs('x', tmp_path/'mine') == []


def test_stored_results_say_when_there_are_none(tmp_path):
    nothing = stored_results('x', folder=tmp_path)
    assert 'Not measured yet' in str(nothing)
    assert 'Not measured yet' in nothing._repr_html_()


def test_stored_results_can_be_of_either_half():
    pair = '64 px', '48 px'
    reported, deciding = (stored_results('claims-sizes', *pair, half=half)
                          for half in ('reported', 'deciding'))
    assert str(reported) == str(stored_results('claims-sizes', *pair))
    runs = {(run.recipe.name, run.seed): run for run in load_runs('claims-sizes')}
    for row in deciding.rows:
        assert row.accuracies == {
            seed: 100*runs[row.name, seed].halves['deciding']['accuracy'] for seed in range(5)}
    assert 'the deciding half is scored' in deciding.provenance
    with pytest.raises(ValueError, match="half='third': 64 px, seed 0, was scored on 'deci"):
        stored_results('claims-sizes', half='third')
    with pytest.raises(ValueError, match='seed 0, was scored on no half'):
        stored_results('soft-targets', half='deciding')


def test_stored_results_of_some_recipes(tmp_path):
    store_better(tmp_path)
    assert names(stored_results('x', folder=tmp_path)) == ['baseline', 'better']
    turned = stored_results('x', 'better', 'baseline', folder=tmp_path)
    assert names(turned) == ['better', 'baseline']
    missing = stored_results('x', 'better', 'worse', folder=tmp_path)
    assert 'Not measured yet: worse' in str(missing)
    assert experiments(tmp_path) == ['x']


def test_experiments_of_a_folder_that_is_text(tmp_path):
    store.write(fake_run(), store.file_of(Recipe(), 0, 'x', tmp_path))
    assert experiments(str(tmp_path)) == ['x']


def test_stored_differences_are_those_of_the_comparisons(tmp_path):
    def keep(run): store.write(run, store.file_of(run.recipe, run.seed, 'x', tmp_path))
    for n in (5, 20):
        for name, gain in (('plain', 0), ('better', n / 100)):
            for seed in range(3):
                keep(fake_run(f'{name}, {n} epochs', seed, .5 + .01*seed + gain))
    keep(fake_run('plain, 80 epochs'))
    names = 'plain, {} epochs', 'better, {} epochs'
    found = stored_differences('x', *names, (5, 20, 80), tmp_path)
    assert [*found] == [5, 20]
    assert [d.mean for d in found.values()] == pytest.approx([5, 20])
    turned = stored_differences('x', *names[::-1], (5,), tmp_path)
    assert turned[5].mean == pytest.approx(-5)
    assert stored_differences('none', *names, (5,), tmp_path) == {}
