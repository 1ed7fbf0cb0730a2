import pytest
import torch
from fastai.data.transforms import Normalize as FastaiNormalize
from fastai.vision.all import (
    DataLoader,
    TensorImage,
    imagenet_stats,
    load_learner,
    resnet18,
    vision_learner,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sotatrain.data import datablock_dls
from sotatrain.learner import make_learner
from sotatrain.normalize import *
from sotatrain.normalize import _stats_of_batches
from sotatrain.presize import get_dls
from tests.networks import Net


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))


def make_dls(tiny, *tfms):
    return get_dls(24, 8, tiny, presize=32, seed=0, device='cpu', after_batch=tfms)

def other_dls(tiny): return datablock_dls(tiny, 24, 8, presize=32, workers=0, device='cpu')

def pictures(n=6):
    generator = torch.Generator().manual_seed(0)
    return TensorImage(torch.rand(n, 3, 10, 12, generator=generator))

@pytest.mark.parametrize('second', [Normalize, FastaiNormalize])
def test_batches_that_are_normalized_twice_are_refused(second, tiny):
    tfms = [Normalize([.5]*3, [.5]*3), second.from_stats([.5]*3, [.5]*3)]
    with pytest.raises(ValueError, match='normalized 2 times: leave one Normalize'):
        make_learner(get_dls(16, 4, tiny, presize=32, after_batch=tfms), 'xresnet18')


def fastais(mean, std): return FastaiNormalize.from_stats(mean, std, cuda=False)


# --- statistics

def test_stats_of_a_store_are_exact(tiny):
    dls = make_dls(tiny)
    pixels = dls.train.store.images[dls.train.rows].double() / 255
    expected = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2), correction=0)
    for data in (dls, dls.train, dls.train.store):
        for found, exact in zip(channel_stats(data), expected):
            assert torch.allclose(found.double(), exact, atol=6e-8, rtol=0)


def test_validation_pictures_do_not_count(tiny):
    dls = make_dls(tiny)
    dls.train.store.images[dls.valid.rows] = 0
    assert torch.equal(channel_stats(dls.train.store)[0], channel_stats(make_dls(tiny))[0])


def test_stats_of_a_dataloader_are_of_its_own_pictures(tiny):
    dls = make_dls(tiny)
    assert not torch.equal(channel_stats(dls.valid)[0], channel_stats(dls.train)[0])


def test_stats_of_other_loaders_come_from_an_epoch_of_batches(tiny):
    mean, std = channel_stats(other_dls(tiny))
    assert mean.shape == std.shape == (3,) and (std > 0).all()


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=6),
       shift=st.floats(-1e4, 1e4),
       scale=st.floats(1e-3, 1e3))
def test_merged_batches_are_the_whole_in_float64(sizes, shift, scale):
    generator = torch.Generator().manual_seed(len(sizes))
    def draw(n): return torch.rand(n, 3, 4, 4, generator=generator, dtype=torch.float64)
    batches = [(shift + scale * draw(n),) for n in sizes]
    whole = torch.cat([batch for batch, in batches])
    mean, std = _stats_of_batches(batches)
    assert torch.allclose(mean, whole.mean((0, 2, 3)), rtol=1e-12)
    assert torch.allclose(std, whole.std((0, 2, 3), correction=0), rtol=1e-6, atol=1e-9)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match='no training pictures'): _stats_of_batches([])


# --- the transform

def test_equal_to_fastais_and_back():
    x, stats = pictures(), ([.4, .5, .6], [.2, .3, .1])
    ours, theirs = Normalize(*stats), fastais(*stats)
    assert torch.allclose(ours.encodes(x), theirs.encodes(x), atol=1e-6)
    assert torch.allclose(ours.decode(ours(x)), x, atol=1e-6)
    assert torch.equal(Normalize.from_stats(*stats)(x), ours(x))
    assert isinstance(ours(x), TensorImage)


@given(st.floats(-5, 5), st.floats(.01, 10))
def test_there_and_back(mean, std):
    tfm, x = Normalize([mean]*3, [std]*3), pictures()
    assert torch.allclose(tfm.decode(tfm(x)), x, atol=1e-5)


def test_only_pictures_are_normalized():
    tfm, y = Normalize(*imagenet_stats), torch.tensor([1, 2])
    assert torch.equal(tfm((pictures(2), y))[1], y)


def test_without_statistics_it_measures_the_training_set(tiny):
    dls = make_dls(tiny, Normalize())
    mean, std = channel_stats(make_dls(tiny))
    for dl in dls.loaders:
        assert torch.equal(normalization(dl).mean.flatten(), mean)
        assert torch.equal(normalization(dl).std.flatten(), std)


@pytest.mark.parametrize('stats,message', [
    (([.5]*3, None), 'give both'),
    ((None, [.2]*3), 'give both'),
    (([.5]*3, [.2]*2), '3 means and 2 standard deviations'),
    (([.5]*3, [.2, 0, .2]), 'must be more than 0'),
])
def test_impossible_statistics_are_errors(stats, message):
    with pytest.raises(ValueError, match=message): Normalize(*stats)


def test_show_batch_decodes(tiny):
    dls = make_dls(tiny, Normalize())
    x = dls.decode_batch(dls.one_batch())[0][0]
    assert 0 <= x.min() and x.max() <= 1.0001


# --- the statistics travel

def test_export_keeps_the_statistics(tiny, tmp_path):
    dls = make_dls(tiny, Normalize())
    learn = make_learner(dls, Net, seed=0, cbs=CheckNormalize())
    learn.export(tmp_path/'model.pkl')
    again = load_learner(tmp_path/'model.pkl')
    assert torch.equal(normalization(again.dls).mean, normalization(dls).mean)
    with learn.no_bar(), again.no_bar():
        a, b = (l.get_preds(dl=l.dls.test_dl(dls.valid.items))[0] for l in (learn, again))
    assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize('tfms', [
    (),
    (Normalize([.5]*3, [.5]*3),),
    (fastais([.5]*3, [.5]*3),),
])
def test_other_normalization_is_refused_in_training_and_prediction(tiny, tfms):
    learn = make_learner(make_dls(tiny, Normalize()), Net, seed=0, cbs=CheckNormalize())
    learn.dls = make_dls(tiny, *tfms)
    message = 'the network expects mean .*, and these batches come with'
    with learn.no_bar(), learn.no_logging():
        for use in (learn.validate, learn.get_preds, lambda: learn.fit(1)):
            with pytest.raises(ValueError, match=message): use()


def test_the_same_statistics_pass_in_our_transform_and_in_fastais(tiny):
    dls = make_dls(tiny, Normalize())
    learn = make_learner(dls, Net, seed=0, cbs=CheckNormalize())
    tfm = normalization(dls)
    rounded = Normalize(tfm.mean + .0005, tfm.std)
    for same in (tfm, FastaiNormalize(tfm.mean[None], tfm.std[None]), rounded):
        learn.dls = make_dls(tiny, same)
        with learn.no_bar(), learn.no_logging(): learn.fit(1)


def test_a_difference_that_is_refused_can_be_read_in_the_message(tiny):
    learn = make_learner(
        make_dls(tiny, Normalize([.5]*3, [.25]*3)), Net, seed=0, cbs=CheckNormalize())
    learn.dls = make_dls(tiny, Normalize([.502]*3, [.25]*3))
    with learn.no_bar(), pytest.raises(ValueError, match=r'0\.5, .*0\.502'): learn.validate()


def test_unnormalized_stays_unnormalized(tiny):
    learn = make_learner(make_dls(tiny), Net, seed=0, cbs=CheckNormalize())
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        learn.dls = make_dls(tiny, Normalize())
        with pytest.raises(ValueError, match='expects no normalization'): learn.fit(1)


def test_a_pretrained_learner_loses_its_normalization_unless_watched(tiny, monkeypatch):
    "What `vision_learner` does, with random weights in place of a download."
    def load(*args, **kwargs): return resnet18().state_dict()
    homes = 'torchvision._internally_replaced_utils', 'torchvision.models._api', 'torch.hub'
    for home in homes:
        monkeypatch.setattr(f'{home}.load_state_dict_from_url', load)
    learn = vision_learner(make_dls(tiny), resnet18, cbs=CheckNormalize(), path=tiny)
    mean = normalization(learn.dls).mean.flatten()
    assert torch.allclose(mean, torch.tensor(imagenet_stats[0]))
    old, learn.dls = learn.dls, make_dls(tiny)
    assert normalization(learn.dls) is None  # lost, and fastai says nothing
    with learn.no_bar(), pytest.raises(ValueError, match='no normalization'): learn.validate()
    learn.dls = make_dls(tiny, normalization(old))
    with learn.no_bar(): learn.validate()


def test_normalized_batches_are_not_measured_again(tiny):
    dls = other_dls(tiny)
    dls.train.after_batch.add(Normalize(*imagenet_stats))
    with pytest.raises(ValueError, match='normalized already'): channel_stats(dls)


def test_two_normalizations_are_an_error(tiny):
    dls = make_dls(tiny, Normalize(*imagenet_stats), fastais(*imagenet_stats))
    with pytest.raises(ValueError, match='normalized 2 times'): normalization(dls)


def test_an_empty_loader_has_no_statistics(tiny):
    empty = DataLoader([], bs=2)
    with pytest.raises(ValueError, match='no training pictures'): channel_stats(empty)


def test_fastai_knows_our_normalize_and_adds_no_second_one(tiny):
    from fastai.vision.learner import _add_norm
    dls = make_dls(tiny, Normalize(*imagenet_stats))
    _add_norm(dls, dict(stats=imagenet_stats), pretrained=True)
    assert type(normalization(dls)) is Normalize
    assert .5 < dls.one_batch()[0].std() < 2


@pytest.mark.parametrize('stats', [([float('nan')]*3, [.2]*3), ([.5]*3, [float('inf')]*3)])
def test_statistics_that_are_no_numbers_are_errors(stats):
    with pytest.raises(ValueError, match='must be finite'): Normalize(*stats)
