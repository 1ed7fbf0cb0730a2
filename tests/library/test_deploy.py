"""Models as folders of data: written, read, refused; the same answers everywhere."""
import json
import pickle
import re
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from fastai.vision.all import RandTransform, Transform, nn
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from sotatrain.deploy import export_model, load_model, save_model
from sotatrain.deploy.about import FACTS, LOADING, WEIGHTS, About, _about, digest_of
from sotatrain.deploy.folder import check_model_folder, saver
from sotatrain.deploy.samples import sample_pictures
from sotatrain.experiment import Recipe, train
from sotatrain.experiment.own import OWN
from sotatrain.learner import make_learner
from sotatrain.presize import centre_crop, get_dls
from sotatrain.tta import tta
from tests.library.fakes import SMALL
from tests.library.models import NAME, tiny_learner
from tests.networks import Net

pytestmark = pytest.mark.usefixtures('own_cache', 'registered')
NEAR = dict(atol=1e-5, rtol=0)


@pytest.fixture
def learn(trained): return trained[0]

@pytest.fixture
def model(trained): return load_model(trained[1])

@pytest.fixture
def folder(trained, tmp_path):
    "A copy, to be spoiled."
    return shutil.copytree(trained[1], tmp_path/'model')


def files_of(pictures, folder):
    "Each picture in a file that keeps its mode."
    folder.mkdir()
    kinds = {'CMYK': 'tif', 'RGB': 'jpg', 'turned by EXIF': 'jpg', 'L': 'webp'}
    found = {}
    for place, (name, picture) in enumerate(pictures.items()):
        found[name] = folder/f"{place}.{kinds.get(name, 'png')}"
        more = {'exif': picture.getexif()} if name == 'turned by EXIF' else {}
        picture.save(found[name], **more)
    return found


# --- the same answers

def test_files_of_every_mode_are_answered_as_the_learner_does(learn, model, tmp_path):
    files = files_of(sample_pictures(), tmp_path/'files')
    modes = {name: Image.open(file).mode for name, file in files.items()}
    assert {*modes.values()} >= {'RGB', 'P', 'RGBA', 'CMYK', 'LA', 'I;16', '1'}
    for name, file in files.items():
        expected = learn.predict(file)[2]
        torch.testing.assert_close(model.predict(file)[0], expected.as_subclass(torch.Tensor),
                                   **NEAR, msg=f'{name}: {expected}')
    together, _ = learn.get_preds(dl=learn.dls.test_dl([*files.values()]))
    torch.testing.assert_close(model.predict([*files.values()]), together, **NEAR)
    assert len(together.argmax(-1).unique()) > 1  # they are not all alike


def test_validation_pictures_are_answered_as_get_preds_does(learn, model):
    expected, _ = learn.get_preds()
    torch.testing.assert_close(model.predict(learn.dls.valid.items), expected, **NEAR)


@pytest.mark.parametrize('options', [True, dict(views='random', n=2), dict(views='five_crop'),
                                     dict(n=0), dict(views='flip', merge='gmean')])
def test_several_views_are_merged_as_tta_does(learn, model, options):
    as_given = dict(views='flip', n=1, beta=.5) if options is True else options
    expected, _ = tta(learn, **as_given)
    bs = learn.dls.valid.bs  # random views depend on which pictures are drawn for together
    torch.testing.assert_close(model.predict(learn.dls.valid.items, options, bs), expected,
                               **NEAR)


@pytest.mark.parametrize('options,says', [
    (dict(merg='max'), "tta: there is no 'merg'; did you mean 'merge'"),
    (dict(views='many'), "views='many'"), (dict(n=-1), 'n=-1')])
def test_views_that_are_none_are_refused(model, options, says):
    with pytest.raises((ValueError, TypeError), match=says): model.predict([], options)


def test_any_picture_and_any_way_in_gives_the_same(model):
    pixels = np.asarray(sample_pictures()['RGB'])
    first = model.predict(pixels)
    tensor = torch.tensor(pixels)
    ways = [Image.fromarray(pixels), tensor, tensor.permute(2, 0, 1), pixels / 255,
            [pixels], pixels[None], iter([pixels])]
    for way in ways: torch.testing.assert_close(model.predict(way), first)
    assert first.shape == (1, 10) and first.sum().item() == pytest.approx(1)


def test_no_pictures_give_no_probabilities(model): assert model.predict([]).shape == (0, 10)


def test_a_picture_that_cannot_be_decoded_is_named(model, tmp_path):
    (tmp_path/'a.jpg').write_text('no')
    with pytest.raises(ValueError, match='a.jpg is not a picture'):
        model.predict([tmp_path/'a.jpg'])


def test_the_crop_is_that_of_the_loader(learn, model):
    squares = learn.dls.valid.squares([0, 1, 2])
    torch.testing.assert_close(
        model.prepare.crop(squares.images[squares.rows], squares.aspects),
        centre_crop(squares, 16), **NEAR)


def test_probabilities_do_not_depend_on_the_batch(model, learn):
    files = learn.dls.valid.items
    torch.testing.assert_close(model.predict(files, bs=3), model.predict(files), **NEAR)


# --- what travels

def test_normalization_travels(learn, model):
    found = learn.dls.after_batch[0]
    assert model.about.normalize['mean'] == found.mean.flatten().tolist()
    x = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(model.prepare.normalize(x), (x - found.mean) / found.std)
    assert not [name for name in model.state_dict() if not name.startswith('network.')]


def test_without_normalization_none_is_made_up(tiny, tmp_path):
    model = save_model(tiny_learner(tiny, None), tmp_path/'plain', NAME)
    assert model.about.normalize is None
    x = torch.rand(2, 3, 16, 16)
    assert model.prepare.normalize(x) is x


def test_the_network_is_a_plain_one(model):
    assert type(model.network) is Net and not model.network.training
    assert model(torch.zeros(2, 24, 24, 3, dtype=torch.uint8), torch.ones(2)).shape == (2, 10)


@pytest.mark.filterwarnings("ignore:load_learner. uses Python's insecure pickle")
def test_an_exported_learner_becomes_a_folder_without_numbers(learn, tmp_path):
    from fastai.vision.all import load_learner
    learn.export(tmp_path/'learner.pkl')
    loaded = load_learner(tmp_path/'learner.pkl')
    model = save_model(loaded, tmp_path/'model', NAME, license='cc0-1.0')
    assert model.about.measured is None and model.about.license == 'cc0-1.0'
    files = learn.dls.valid.items[:4]
    torch.testing.assert_close(model.predict(files),
                               learn.get_preds(dl=learn.dls.test_dl(files))[0], **NEAR)
    assert 'Nothing was measured' in (tmp_path/'model'/'README.md').read_text()


def test_arguments_of_the_network_travel(tiny, tmp_path):
    from functools import partial

    from sotatrain.sota import plain_net
    arguments = dict(widths=[4, 4, 8], blocks=[1], act='gelu')
    dls = get_dls(16, 10, tiny, presize=24, seed=0, device='cpu')
    learn = make_learner(dls, partial(plain_net, **arguments), bf16=False)
    model = save_model(learn, tmp_path/'a', {'plain_net': arguments})
    assert model.about.arch == {'plain_net': arguments}
    assert str(load_model(tmp_path/'a').network) == str(learn.model)
    with pytest.raises(ValueError, match='does not fit plain_net with 10.*another arch'):
        save_model(learn, tmp_path/'b', 'plain_net')
    assert not [*tmp_path.glob('*b*')]


def test_loading_changes_no_random_numbers_of_others(trained):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load_model(trained[1])
    assert torch.rand(1) == expected


# --- what cannot be saved

class Darker(Transform):
    def encodes(self, x: torch.Tensor): return x / 2

class OnlyInTraining(RandTransform):
    split_idx = 0
    def encodes(self, x: torch.Tensor): return x / 2


def test_transforms_that_would_be_lost_are_found_and_those_of_training_are_none(tiny, tmp_path):
    with pytest.raises(ValueError, match='differ from the learner.*Darker.*learn.export'):
        save_model(tiny_learner(tiny, [Darker()]), tmp_path/'a', NAME)
    assert not (tmp_path/'a').exists()
    save_model(tiny_learner(tiny, [OnlyInTraining()]), tmp_path/'b', NAME)


def test_what_is_no_classifier_of_ours_says_so(tiny, tmp_path, learn):
    from sotatrain.data import datablock_dls, image_files
    files = image_files(tiny)
    several = get_dls(16, 4, files=files, labels=[['a', 'b']] * len(files), device='cpu')
    numbers = get_dls(16, 4, files=files, labels=[.5] * len(files), device='cpu')
    other = datablock_dls(tiny, 16, 10, presize=24, device='cpu')
    for data, error, says in [
        (several, ValueError, 'several labels: use learn.export'),
        (numbers, ValueError, 'numbers'), (other, TypeError, 'get_dls')]:
        with pytest.raises(error, match=says):
            save_model(make_learner(data, Net), tmp_path/'a', NAME)
    with pytest.raises(TypeError, match='arch is missing'): save_model(learn, tmp_path/'a')
    with pytest.raises(TypeError, match='Net is no Learner'): save_model(Net(2), tmp_path/'a')
    with pytest.raises(ValueError, match="license='My License'.*apache-2.0"):
        save_model(learn, tmp_path/'a', NAME, license='My License')


def test_a_folder_that_is_there_is_not_overwritten(tmp_path, folder):
    with pytest.raises(FileExistsError, match='is there already'): check_model_folder(folder)
    with pytest.raises(FileExistsError): check_model_folder(folder/WEIGHTS)
    with pytest.raises(FileNotFoundError, match='does not exist: make this folder'):
        check_model_folder(tmp_path/'x'/'y')
    (tmp_path/'empty').mkdir()
    assert check_model_folder(tmp_path/'empty') == tmp_path/'empty'


# --- training

RECIPE = SMALL | dict(arch=NAME, presize=24, bf16=False, batch_tfms={'Normalize': {}})


def test_a_run_leaves_a_folder_that_trains_the_same_again(tmp_path):
    recipe = Recipe(**RECIPE, tta={'n': 1, 'views': 'flip'}, name='small')
    run = train(recipe, 3, after=saver(recipe, tmp_path/'model'), progress=False)
    about = load_model(tmp_path/'model').about
    assert Recipe.from_dict(about.recipe) == recipe and about.seed == 3
    assert about.data == run.data and about.tta == recipe.tta
    assert about.conditions['versions']['torch'] and about.license == 'apache-2.0'
    again = train(Recipe.from_json((tmp_path/'model'/FACTS).read_text()), 3, progress=False)
    assert again.accuracy == run.accuracy
    alone = train(replace(recipe, tta=None), 3, progress=False)
    assert about.measured['accuracy']['value'] == pytest.approx(alone.accuracy)
    assert about.measured['calibration_error']['value'] == pytest.approx(
        alone.calibration_error, abs=1e-4)
    assert about.measured['log_loss'] == pytest.approx(alone.log_loss, abs=1e-4)


def test_only_the_half_that_is_reported_is_measured(tmp_path):
    recipe = Recipe(**RECIPE, report='reported')
    run = train(recipe, after=saver(recipe, tmp_path/'model'), progress=False)
    found = load_model(tmp_path/'model').about.measured
    assert 0 < found['n'] < 10 and found['report'] == 'reported'
    assert found['accuracy']['value'] == pytest.approx(run.accuracy, abs=1e-6)


def test_what_was_trained_is_kept_if_it_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    recipe = Recipe(**RECIPE)
    save = saver(recipe, tmp_path/'model')
    (tmp_path/'model').write_text('somebody was faster')
    with pytest.raises(OSError, match='accuracy .*is there already.*are kept as') as error:
        train(recipe, after=save, progress=False)
    kept = re.search('kept as (.*)', str(error.value))[1]
    assert load_file(kept).keys() == Net(10).state_dict().keys()


def test_what_can_be_known_before_a_run_is(tmp_path):
    with pytest.raises(ValueError, match="loader='presized'"):
        saver(Recipe(**SMALL | {'loader': 'datablock'}), tmp_path/'model')


# --- broken folders

def spoil(folder, **changes):
    values = json.loads((folder/FACTS).read_text()) | changes
    (folder/FACTS).write_text(json.dumps({k: v for k, v in values.items() if v is not ...}))


@pytest.mark.parametrize('changes,says', [
    (dict(format=2), r'has format 2, and this version reads format 1: update sotatrain'),
    (dict(format=...), 'it has no format'),
    (dict(classes=...), 'it lacks classes'),
    (dict(clases=[]), "there is no 'clases'; did you mean 'classes'"),
    (dict(classes='ab'), 'classes=.*list of two names'),
    (dict(classes=['a', 'a']), 'classes has a name twice'),
    (dict(classes=['a', 3]), 'classes, each=3'),
    (dict(size='16'), "size='16': it must be a whole number"),
    (dict(size=48), 'side=24 is smaller than size=48'),
    (dict(weights='no'), "weights='no': it must be 64"),
    (dict(arch='resnet999'), 'its network cannot be made .*unknown network .resnet999'),
    (dict(arch={'a': {}, 'b': {}}), 'arch must name one thing'),
    (dict(arch={NAME: {'depth': 3}}), 'its network cannot be made'),
    (dict(normalize={'mean': [0, 0, 0]}), 'must be null, or have mean and std'),
    (dict(normalize={'mean': [0, 0, 0], 'std': [1, 1, 0]}), 'normalize, std=0'),
    (dict(normalize={'mean': [0, 0], 'std': [1, 1, 1]}), 'list of three numbers'),
    (dict(preparation={'crop': 'corner'}), 'preparation=.*choose one of'),
    (dict(license='Mine!'), 'license='),
    (dict(measured=[1]), 'measured=.*set of named values'),
])
def test_a_json_file_that_is_wrong_is_refused_by_its_field(folder, changes, says):
    spoil(folder, **changes)
    with pytest.raises(ValueError, match=says) as error: load_model(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize('argument', ['pretrained', 'weights', 'checkpoint_path', 'cache_dir',
                                      'pretrained_cfg', 'weights_backbone'])
def test_arguments_that_would_load_something_are_refused(folder, argument):
    assert argument.startswith(LOADING)
    spoil(folder, arch={'resnet18': {argument: 'evil.pth'}})
    with pytest.raises(ValueError, match=f'{argument}=.evil.pth. would load weights'):
        load_model(folder)


@pytest.mark.parametrize('name', [
    'hf-hub:timm/resnet18', 'local-dir:/tmp/resnet18', 'timm/resnet18', '/tmp/resnet18.py',
    'os.system', '__import__', 'torch.load'])
def test_a_network_is_a_name_and_never_a_place(folder, name):
    spoil(folder, arch=name)
    with pytest.raises(ValueError, match='its network cannot be made .*unknown network'):
        load_model(folder)


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '"a"', '{"format": 1}', '[' * 10**5,
                                  '{"format": NaN}'])
def test_a_json_file_that_says_nothing_is_refused(folder, text):
    (folder/FACTS).write_text(text)
    with pytest.raises(ValueError, match=FACTS): load_model(folder)


TEXTS = st.sampled_from(['', 'a', 'mean', 'std', 'resnet18'])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))

@given(st.sampled_from([field.name for field in fields(About)]), ANYTHING)
def test_any_value_makes_a_description_or_an_error_that_names_its_field(trained, name, value):
    values = json.loads((trained[1]/FACTS).read_text()) | {name: value}
    try: assert getattr(_about(values), name) == value
    except (ValueError, TypeError) as error: assert name in str(error)


def test_what_is_no_model_is_refused_by_name(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist: name a folder'):
        load_model(tmp_path/'nowhere')
    with pytest.raises(ValueError, match='is a file: name the model.s folder'):
        load_model(folder/FACTS)
    for name in FACTS, WEIGHTS:
        (folder/name).unlink()
        with pytest.raises(FileNotFoundError, match=f'has no {name}, so it is no model'):
            load_model(folder)
        (folder/name).write_text('{}')


class Evil:
    def __reduce__(self): return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize('write', [
    lambda file: torch.save(Evil(), file), lambda file: file.write_bytes(pickle.dumps(Evil()))])
def test_a_pickle_is_never_read(folder, tmp_path, write):
    write(tmp_path/'learner.pkl')
    with pytest.raises(ValueError, match='is a pickle.*any program.*load_learner'):
        load_model(tmp_path/'learner.pkl')
    write(folder/WEIGHTS)
    spoil(folder, weights=digest_of(folder/WEIGHTS))
    with pytest.raises(ValueError, match=f'{WEIGHTS} is a pickle'): load_model(folder)


@pytest.mark.parametrize('spoiled', [
    lambda b: b'', lambda b: b[:5], lambda b: b[:len(b) // 2], lambda b: b[:-1],
    lambda b: b + b'x', lambda b: b'hello' * 99, lambda b: b'\xff' * 8 + b[8:]])
def test_a_file_that_is_truncated_or_foreign_is_refused(folder, spoiled):
    file = folder/WEIGHTS
    file.write_bytes(spoiled(file.read_bytes()))
    spoil(folder, weights=digest_of(file))
    with pytest.raises(ValueError, match='is no file of safetensors, or a part'):
        load_model(folder)


def test_a_single_changed_bit_is_noticed(folder):
    content = bytearray((folder/WEIGHTS).read_bytes())
    content[-3] ^= 1
    (folder/WEIGHTS).write_bytes(content)
    with pytest.raises(ValueError, match='was changed or damaged'): load_model(folder)


@pytest.mark.parametrize('change,says', [
    (lambda s: s.pop('5.bias'), r'does not fit tiny_net with 10 classes: 5\.bias is missing'),
    (lambda s: s.update(more=torch.ones(1)), 'more belongs to another network'),
    (lambda s: s.update({'5.bias': torch.ones(3)}), r'5\.bias is \(3,\).*should be \(10,\)')])
def test_weights_of_another_network_are_refused(folder, change, says):
    state = load_file(folder/WEIGHTS)
    change(state)
    save_file(state, folder/WEIGHTS)
    spoil(folder, weights=digest_of(folder/WEIGHTS))
    with pytest.raises(ValueError, match=says): load_model(folder)


def test_a_network_too_large_for_its_weights_is_refused_before_it_is_made(folder):
    spoil(folder, arch={'plain_net': {'widths': [10**6, 10**6, 10**6], 'blocks': [0]}})
    with pytest.raises(ValueError, match='does not fit plain_net'): load_model(folder)


def test_an_own_network_has_to_be_registered(folder, monkeypatch):
    monkeypatch.delitem(OWN, NAME)
    with pytest.raises(ValueError, match='registered first'): load_model(folder)


# --- graphs

@pytest.mark.parametrize('form', ['torch', 'onnx'])
def test_a_graph_answers_as_the_model_does(model, tmp_path, form, learn):
    if form == 'onnx': pytest.importorskip('onnxruntime'), pytest.importorskip('onnxscript')
    file = export_model(model, tmp_path/f'model.{form}', form)
    assert [*tmp_path.iterdir()] == [file]
    squares = learn.dls.valid.squares([*range(20)])
    inputs = squares.images[squares.rows], squares.aspects
    if form == 'onnx':
        import onnxruntime
        session = onnxruntime.InferenceSession(file)
        assert [each.name for each in session.get_inputs()] == ['squares', 'aspects']
        given = dict(squares=inputs[0].numpy(), aspects=inputs[1].numpy())
        found = torch.from_numpy(session.run(['probabilities'], given)[0])
    else: found = torch.export.load(file).module()(*inputs)
    torch.testing.assert_close(found, learn.get_preds()[0], **NEAR)


def test_a_graph_that_cannot_be_made_leaves_nothing(trained, tmp_path, monkeypatch):
    class Loops(nn.Module):
        def forward(self, x): return x.flatten(1)[:, :10] * (1 if x.mean() > 0 else 2)
    model = load_model(trained[1])
    model.network = Loops()
    with pytest.raises(ValueError, match='torch cannot make a graph of tiny'):
        export_model(model, tmp_path/'a.pt2')
    with pytest.raises(ValueError, match="form='tf': choose one of torch, onnx"):
        export_model(model, tmp_path/'a', 'tf')
    monkeypatch.setattr('sotatrain.deploy.forms.find_spec', lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'sotatrain\[onnx\]'):
        export_model(model, tmp_path/'a.onnx', 'onnx')
    with pytest.raises(FileNotFoundError, match='no_such'):
        export_model(model, tmp_path/'no_such'/'a.pt2')
    assert not [*tmp_path.iterdir()]
