"""Recipes: their fields, their stages, and what they name."""
import dataclasses
import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sotatrain import settings
from sotatrain.core.stage import SCHEDULE_NAMES
from sotatrain.experiment import Recipe
from sotatrain.experiment.names import KINDS, named
from sotatrain.resizing import SCHEDULES, Stage
from tests.library.fakes import STAGE

# --- the same again

def test_a_recipe_is_the_same_after_json():
    recipe = Recipe(
        'all',
        stages=[dict(size=32, epochs=1, bs=8, lr=.1), dict(size=64, epochs=2, bs=4, lr=.01)],
        opt={'ranger': {'mom': .95}},
        loss={'LabelSmoothingCrossEntropyFlat': {'eps': .2}},
        cbs={'MixUp': {'alpha': .3}},
        tta={'n': 4},
        augment={'flip': 0},
        wd=.1)
    assert Recipe.from_json(recipe.to_json()) == recipe


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.builds(
    Recipe,
    size=st.integers(1, 512),
    epochs=st.integers(1, 99),
    lr=st.floats(1e-9, 10),
    wd=st.none() | st.floats(0, 1)))
def test_json_keeps_every_number(recipe): assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_cannot_change():
    with pytest.raises(AttributeError): Recipe().lr = 1


def test_a_recipe_of_a_profile():
    recipe = Recipe.from_profile(settings.load('smoke'), name='mine', epochs=3)
    assert (recipe.data, recipe.size) == ('doodlenette-200-100', 48)
    assert (recipe.name, recipe.epochs) == ('mine', 3)


def test_a_profile_leaves_the_four_fields_to_stages():
    recipe = Recipe.from_profile(settings.load('smoke'), presize=None, stages=[STAGE])
    assert recipe.size is None
    assert len(recipe.all_stages) == 1


def test_what_differs_is_listed_field_by_field_without_the_name():
    first = Recipe(lr=.1)
    assert first.differences(replace(first, name='other', lr=.2)) == {'lr': (.1, .2)}
    assert first.differences(replace(first, name='other')) == {}


# --- stages

def test_without_stages_a_recipe_is_one_stage():
    assert Recipe().stages == []
    assert Recipe().all_stages == [Stage(size=128, epochs=5, bs=64, lr=6e-3)]


def test_the_one_stage_has_the_recipes_schedule():
    assert Recipe(schedule='flat_cos').all_stages[0].schedule == 'flat_cos'


TWO_STAGES = [Stage(32, 1, 8, .1), Stage(64, 2, 4, .01, 'fine_tune')]


@pytest.mark.parametrize('stages', [
    TWO_STAGES,
    tuple(TWO_STAGES),
    [vars(stage) for stage in TWO_STAGES],
    [TWO_STAGES[0], vars(TWO_STAGES[1])],
], ids=['stages', 'a tuple', 'dicts', 'both'])
def test_stages_are_stages_however_they_are_given(stages):
    recipe = Recipe(stages=stages)
    assert recipe.stages == recipe.all_stages == TWO_STAGES
    assert all(type(stage) is Stage for stage in recipe.stages)


def test_stages_are_stages_after_json():
    recipe = Recipe.from_json(Recipe(stages=TWO_STAGES).to_json())
    assert recipe.stages == TWO_STAGES
    assert all(type(stage) is Stage for stage in recipe.stages)


def test_stages_are_stages_after_a_replacement():
    recipe = replace(Recipe(stages=TWO_STAGES), name='other', wd=.1)
    assert recipe.stages == TWO_STAGES


def test_json_has_every_field_of_a_stage():
    first, second = json.loads(Recipe(stages=TWO_STAGES).to_json())['stages']
    assert first == STAGE | {'schedule': 'one_cycle'}
    assert second['schedule'] == 'fine_tune'


def test_a_stage_without_a_schedule_takes_the_recipes():
    recipe = Recipe(stages=[STAGE, STAGE | {'schedule': 'constant'}], schedule='flat_cos')
    assert [stage.schedule for stage in recipe.stages] == ['flat_cos', 'constant']
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_the_dicts_that_stages_came_from_stay_as_they_are():
    stage = dict(STAGE)
    Recipe(stages=[stage], schedule='flat_cos')
    assert stage == STAGE


# --- mistakes

@pytest.mark.parametrize('fields,message', [
    # of one field
    (dict(epoch=3), "no 'epoch'; did you mean 'epochs'"),
    (dict(epochs=0), 'epochs=0: it must be 1 or more'),
    (dict(epochs=1.5), 'epochs=1.5: it must be a whole number'),
    (dict(epochs=True), 'epochs=True'),
    (dict(lr=0), 'lr=0: it must be more than 0'),
    (dict(lr='1e-3'), "lr='1e-3': it must be a number"),
    (dict(lr=math.nan), 'lr=nan'),
    (dict(wd=-1), 'wd=-1'),
    (dict(size=0), 'size=0'),
    (dict(bs=-2), 'bs=-2'),
    (dict(presize=0), 'presize=0'),
    (dict(name=''), 'name='),
    (dict(name='a/b'), "name='a/b': files are named after it"),
    (dict(data=3), 'data=3'),
    (dict(arch=None), 'arch=None'),
    (dict(bf16='yes'), "bf16='yes'"),
    (dict(schedule='cosine'), "schedule='cosine': choose one of one_cycle"),
    (dict(loader='x'), "loader='x': choose one of"),
    (dict(noise=-1), 'noise=-1: it must be 0 or more'),
    (dict(noise=.25), 'noise=0.25: it must be a whole number'),
    # of a field that names something
    (dict(opt='adamm'), "opt: no optimizer is called 'adamm'; did you mean 'Adam'"),
    (dict(opt={'Adam': {'momm': .9}}), "opt, Adam: there is no 'momm'; did you mean 'mom'"),
    (dict(opt={'Adam': {}, 'SGD': {}}), 'opt must name one thing'),
    (dict(opt=3), 'opt=3'),
    (dict(loss='CrossEntropy'), 'loss: no loss is called'),
    (dict(loss={'ResNet': {}}), 'loss: no loss is called'),
    (dict(loss={}), 'loss must name one thing, not 0'),
    (dict(cbs={'Mixup': {}}), "did you mean 'MixUp'"),
    (dict(cbs={'qqq': {}}), "'qqq': name one that fastai.vision.all or sotatrain.all has"),
    (dict(cbs={'MixUp': {'alpah': 1}}),
     "cbs, MixUp: there is no 'alpah'; did you mean 'alpha'"),
    (dict(cbs={'MixUp': 3}), 'the parameters of MixUp are 3'),
    (dict(cbs={'MixUp': {'alpha': {1}}}), 'cannot be stored as JSON'),
    (dict(cbs={'Path': {}}), 'no callback is called'),
    (dict(cbs=['MixUp', 'MixUp']), 'names one thing twice'),
    (dict(cbs=[{'MixUp': {}}]), r"cbs=\[{.*: write it as"),
    (dict(cbs=Recipe), 'a class or a function of your own gets a name by register'),
    (dict(name='a'*101), 'has 101 letters: files are named after it, so it must have at most'),
    (dict(name='a\0'), 'files are named after it'),
    (dict(arch={'xresnet18': 3}), 'arch: the parameters of xresnet18 are 3'),
    (dict(arch={'xresnet18': {}, 'xresnet34': {}}), 'arch must name one thing'),
    (dict(metrics='f2'), "metrics: no metric is called 'f2'"),
    (dict(metrics={'accuracy': {'axes': 1}}), "there is no 'axes'; did you mean 'axis'"),
    (dict(opt={'Adam': {'lr': 1}}), "opt, Adam: there is no 'lr'"),
    (dict(cbs={'MixUp': {'alpha': math.inf}}), 'use finite numbers'),
    (dict(loss={'CrossEntropyLossFlat': {'weight': 'even'}}), 'a number for each class'),
    (dict(loss={'CrossEntropyLossFlat': {'weight': [1, 0]}}), r'weight\[1\]=0: it must be'),
    (dict(batch_tfms={'MixUp': {}}), 'no transform is called'),
    (dict(augment={'min_scal': 1}),
     "augment: there is no 'min_scal'; did you mean 'min_scale'"),
    (dict(tta=4), 'tta=4'),
    (dict(tta={'view': 'flip'}), "tta: there is no 'view'; did you mean 'views'"),
    (dict(tta={'views': 'x'}), "views='x': choose one of random"),
    (dict(tta={'n': -1}), 'n=-1'),
    # of stages
    (dict(stages=[{'size': 32}]), r'stages\[0\] lacks epochs, bs, lr'),
    (dict(stages=[STAGE | {'sise': 3}]), r"stages\[0\]: there is no 'sise'"),
    (dict(stages=[STAGE | {'sise': 3}]), "no 'sise'; did you mean 'size'"),
    (dict(stages=[STAGE, STAGE | {'bs': 0}]), r'stages\[1\]: bs=0'),
    (dict(stages=[STAGE, STAGE | {'bs': None}]), r'stages\[1\] lacks bs'),
    (dict(stages=[STAGE], schedule='fine_tune'), r'stages\[0\]: epochs=1: fine_tune needs'),
    # of fields that contradict each other
    (dict(stages=[STAGE], size=64), 'size=64 contradicts stages'),
    (dict(stages=[STAGE], lr=.1), 'lr=0.1 contradicts stages'),
    (dict(stages=TWO_STAGES, bs=8), 'bs=8 contradicts stages'),
    (dict(size=64, presize=32), 'presize=32 is smaller than the size 64'),
    (dict(stages=TWO_STAGES, presize=32), 'presize=32 is smaller than the size 64'),
    (dict(loader='datablock', tta={'n': 4}), "tta contradicts loader='datablock'"),
    (dict(loader='datablock', tta={}), "tta contradicts loader='datablock'"),
    (dict(loader='datablock', noise=25), "noise contradicts loader='datablock'"),
    (dict(loader='datablock', augment={'flip': 0}), "augment contradicts loader='datablock'"),
    (dict(loader='datablock', batch_tfms={'Normalize': {}}), 'batch_tfms contradicts loader'),
    (dict(stages=[Stage(32, 1, bs=None)]), r'stages\[0\] lacks bs'),
    (dict(stages=3), 'stages=3: it must be a list'),
    (dict(stages=None), 'stages=None: it must be a list'),
    (dict(stages=STAGE), 'stages={.*}: it must be a list'),
    (dict(stages=[3]), r'stages\[0\]=3: write a Stage, or a dict'),
    (dict(stages=[Stage(32, 1)], schedule='flat_cos'), "='flat_cos' contradicts stages"),
])
def test_bad_fields_are_errors_that_name_them(fields, message):
    with pytest.raises((ValueError, TypeError), match=message): Recipe.from_dict(fields)


def test_a_schedule_that_is_not_possible_is_an_error_in_a_stage_too():
    with pytest.raises(ValueError, match="schedule='x': choose one of"):
        Recipe(stages=[STAGE | {'schedule': 'x'}])
    with pytest.raises(ValueError, match='epochs=1: fine_tune needs 2 or more'):
        Recipe(schedule='fine_tune', epochs=1)


def test_a_recipe_must_be_fields():
    with pytest.raises(TypeError, match='not list'): Recipe.from_json('[]')


def run_in_a_new_python(code):
    "What a Python that has imported nothing yet prints."
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_recipes_results_and_settings_need_no_fastai():
    heavy = run_in_a_new_python("""
import sys
from sotatrain import settings
from sotatrain.experiment import Recipe, experiments, stored_results
print(Recipe.from_profile(settings.load()).to_json(), file=sys.stderr)
for name in experiments(): print(str(stored_results(name)), file=sys.stderr)
print([name for name in ('fastai', 'torch', 'matplotlib') if name in sys.modules])""")
    assert heavy == '[]'


def test_what_needs_fastai_is_there_when_it_is_asked_for():
    assert run_in_a_new_python("""
import warnings
warnings.simplefilter('ignore')
import sotatrain.experiment
from sotatrain.experiment import *
print(train.__module__, Watch.__module__, 'compare' in dir(sotatrain.experiment))
try: sotatrain.experiment.trian
except AttributeError as e: print(e)""") == (
        "sotatrain.experiment.training sotatrain.core.watch True\n"
        "module 'sotatrain.experiment' has no attribute 'trian'")


def test_schedules_have_the_same_names_in_recipes_and_in_the_chapter():
    assert [*SCHEDULES] == [*SCHEDULE_NAMES]


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.floats()))


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.sampled_from([f.name for f in dataclasses.fields(Recipe)]), ANYTHING)
def test_any_value_gives_a_recipe_that_json_keeps_or_an_error_that_names_it(field, value):
    try: recipe = Recipe(**{field: value})
    except (ValueError, TypeError) as e: assert field in str(e)
    else: assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_does_not_change_with_the_dicts_it_was_made_from():
    cbs = {'MixUp': {'alpha': .3}}
    recipe = Recipe(cbs=cbs)
    cbs['MixUp']['alpha'] = 5
    assert recipe.cbs == {'MixUp': {'alpha': .3}}


def test_a_stored_runs_json_is_its_recipe():
    recipe = Recipe('mine', cbs='MixUp', lr=.1)
    stored = json.dumps({'format': 2, 'recipe': recipe.to_dict(), 'seed': 3, 'accuracy': .5})
    assert Recipe.from_json(stored) == recipe


def test_a_network_may_have_parameters():
    recipe = Recipe(arch={'xresnet18': {'p': .1}})
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.network == ('xresnet18', {'p': .1})
    assert Recipe(arch={'xresnet18': {}}) == Recipe(arch='xresnet18')
    assert Recipe(arch={'xresnet18': {}}).make('arch') == 'xresnet18'


# --- names

@pytest.mark.parametrize('field', KINDS)
def test_whatever_a_field_may_name_can_be_written_without_parameters(field):
    for name in named(field):
        assert getattr(Recipe(**{field: {name: {}}}), field) == {name: {}}


def test_a_name_alone_is_a_name_without_parameters():
    recipe = Recipe(opt='SGD', loss='LabelSmoothingCrossEntropyFlat', cbs='MixUp')
    assert recipe.opt == {'SGD': {}}
    assert recipe.cbs == {'MixUp': {}}
    assert Recipe(cbs=['MixUp', 'GradientClip']).cbs == {'MixUp': {}, 'GradientClip': {}}
    assert recipe.loss == {'LabelSmoothingCrossEntropyFlat': {}}


def test_names_become_objects_with_their_parameters():
    recipe = Recipe(
        cbs={'MixUp': {'alpha': .3}, 'GradientClip': {'max_norm': .5}},
        loss={'LabelSmoothingCrossEntropyFlat': {'eps': .3}},
        opt={'SGD': {'mom': .5}})
    mixup, clip = recipe.make('cbs')
    assert mixup.alpha == .3
    assert clip.max_norm == .5
    assert recipe.make('loss').func.eps == .3
    assert recipe.make('opt').keywords == {'mom': .5}
    assert recipe.make('batch_tfms') == []


def test_a_schedule_that_comes_too_late_is_an_error():
    with pytest.raises(ValueError, match="schedule='flat_cos' contradicts stages"):
        replace(Recipe(stages=[STAGE]), schedule='flat_cos')
