import math

import pytest
import torch
import torch.nn.functional as F
from fastai.vision.all import (
    Callback,
    CancelBatchException,
    CancelEpochException,
    CancelFitException,
    CancelTrainException,
    CategoryBlock,
    DataBlock,
    ImageBlock,
    ProgressCallback,
    RandomSplitter,
    Resize,
    accuracy,
    error_rate,
    get_image_files,
    noop,
    parent_label,
    partial,
)

from sotatrain.core.watch import Watch
from sotatrain.data import datablock_dls
from sotatrain.learner import Diverged, make_learner, saved_gigabytes
from sotatrain.normalize import CheckNormalize, Normalize, normalization
from sotatrain.presize import get_dls
from sotatrain.resizing import *
from tests.networks import Net


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.getbasetemp()/'resizing-cache'))


def data(path, size=32, bs=8, presize=32, **kwargs):
    return get_dls(size, bs, path, presize=presize, seed=0, **kwargs)


@pytest.fixture
def learn(tiny):
    learn = make_learner(data(tiny), Net, seed=0)
    learn.remove_cb(ProgressCallback)
    learn.logger = noop
    return learn


class Sizes(Callback):
    "Sizes of the training batches; raises `fail` at one of them."
    def __init__(self, fail=None, at=7): self.seen, self.fail, self.at = [], fail, at
    def before_batch(self):
        if not self.training: return
        self.seen.append(self.xb[0].shape[-1])
        if self.fail and len(self.seen) == self.at: raise self.fail('no')

def validation_sizes(learn, **kwargs):
    seen = []
    class Seen(Callback):
        def before_batch(self): seen.append(self.xb[0].shape[-1])
    learn.validate(cbs=Seen(), **kwargs)
    return set(seen)

def state(learn):
    dls = learn.dls
    return dls, dls.train.size, dls.valid.size, [*learn.cbs], len(dls.train)


# --- stages

@pytest.mark.parametrize('fields,message', [
    (dict(size=0), 'size=0: it must be 1 or more'),
    (dict(size=-8), 'size=-8'),
    (dict(size=32.), 'size=32.0: it must be a whole number'),
    (dict(epochs=0), 'epochs=0'),
    (dict(bs=0), 'bs=0'),
    (dict(lr=0), 'lr=0: it must be more than 0'),
    (dict(lr=math.nan), 'lr=nan'),
    (dict(schedule='cosine'), "schedule='cosine': choose one of one_cycle"),
    (dict(schedule='fine_tune'), 'fine_tune needs 2 or more')])
def test_a_bad_stage_is_an_error_that_names_the_rule(fields, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Stage(**{'size': 32, 'epochs': 1, **fields})


def test_a_stage_needs_a_size_and_epochs_only():
    with pytest.raises(TypeError, match='epochs'): Stage(32)
    stage = Stage(32, 1)
    assert (stage.bs, stage.lr, stage.schedule) == (64, 6e-3, 'one_cycle')
    assert stage == Stage(32, 1, 64, 6e-3, 'one_cycle')


def test_no_stages(learn, tiny):
    with pytest.raises(ValueError, match='no stages: give at least one'):
        fit_progressive(learn, partial(data, tiny), [])


def test_a_stage_larger_than_the_store(learn, tiny):
    with pytest.raises(ValueError, match='presize=32 is smaller than size=48'):
        fit_progressive(learn, partial(data, tiny), [Stage(16, 1, 16), Stage(48, 1, 16)])
    larger = data(tiny)
    larger.train.size = larger.valid.size = 48  # as if made without `get_dls`
    message = r'a stage of 48 px is larger than the stored pictures \(32 px\)'
    with pytest.raises(ValueError, match=message):
        fit_progressive(learn, lambda size, bs: larger, [Stage(48, 1)])


def test_get_dls_must_use_its_size(learn, tiny):
    with pytest.raises(ValueError, match='made pictures of 32 px for a stage of 16 px'):
        fit_progressive(learn, lambda size, bs: data(tiny), [Stage(16, 1)])


def test_stages_change_size_batch_size_and_rate(learn, tiny):
    rates = []
    class Rates(Callback):
        def after_batch(self):
            if self.training: rates.append(self.opt.hypers[-1]['lr'])
    sizes = Sizes()
    stages = [Stage(16, 2, 20, 1e-3, 'constant'), Stage(32, 1, 8, 1e-4, 'constant')]
    history = fit_progressive(learn, partial(data, tiny), stages, cbs=[sizes, Rates()])
    # 40 pictures: 2 × 2 batches of 20, then 5 of 8
    assert sizes.seen == [16]*4 + [32]*5 and rates == [1e-3]*4 + [1e-4]*5
    assert history.stage.tolist() == [0, 0, 1] and history['size'].tolist() == [16, 16, 32]
    columns = {'train_loss', 'valid_loss', 'accuracy', 'seconds', 'images_per_second'}
    assert columns <= set(history) and history.notna().all(axis=None)
    assert learn.history is history


def test_the_same_as_fitting_by_hand(tiny):
    one, two = (make_learner(data(tiny), Net, seed=0) for _ in range(2))
    stages = [Stage(16, 1, 8, 1e-3), Stage(32, 2, 8, 1e-3, 'flat_cos')]
    with one.no_bar(), one.no_logging(): fit_progressive(one, partial(data, tiny), stages)
    with two.no_bar(), two.no_logging():
        two.dls = data(tiny, 16)
        two.fit_one_cycle(1, 1e-3)
        two.dls = data(tiny, 32)
        two.fit_flat_cos(2, 1e-3)
    mine, theirs = one.model.state_dict(), two.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_fine_tune_is_fastais_with_its_extra_epoch_counted(tiny):
    one, two = (make_learner(data(tiny), Net, seed=0) for _ in range(2))
    stages = [Stage(32, 3, 8, 1e-3, 'fine_tune')]
    with one.no_bar(), one.no_logging():
        history = fit_progressive(one, partial(data, tiny), stages)
    with two.no_bar(), two.no_logging(): two.fine_tune(2, 1e-3)
    assert len(history) == 3 and history.stage.tolist() == [0, 0, 0]
    for a, b in zip(one.model.parameters(), two.model.parameters()): assert torch.equal(a, b)


def test_no_validation_picture_of_any_stage_is_trained_on(learn, tiny):
    made = []
    def remember(size, bs):
        made.append(data(tiny, size, bs))
        return made[-1]
    fit_progressive(learn, remember, [Stage(16, 1, 8), Stage(24, 1, 8), Stage(32, 1, 8)])
    trained = {item for dls in made for item in dls.train.items}
    assert len(made) == 3 and not trained & {item for dls in made for item in dls.valid.items}


def test_a_leak_is_found_before_anything_is_trained(learn, tiny):
    weights = [p.clone() for p in learn.model.parameters()]
    def leaking(size, bs):
        splitter = RandomSplitter(.5, seed=size)
        block = DataBlock(
            (ImageBlock, CategoryBlock), get_items=get_image_files, get_y=parent_label,
            splitter=splitter, item_tfms=Resize(size))
        return block.dataloaders(tiny, bs=bs, num_workers=0)
    with pytest.raises(ValueError, match='validation pictures are trained on'):
        fit_progressive(learn, leaking, [Stage(16, 1, 8), Stage(32, 1, 8)])
    assert all(map(torch.equal, weights, learn.model.parameters()))


@pytest.mark.parametrize('error', [None, KeyboardInterrupt, RuntimeError, CancelFitException])
def test_what_was_there_before_is_there_after(learn, tiny, error):
    before = state(learn)
    def fit():
        stages = [Stage(16, 2, 8), Stage(24, 2, 4)]
        return fit_progressive(learn, partial(data, tiny), stages, cbs=Sizes(error, at=16))
    if error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error): fit()
    else: fit()
    assert state(learn) == before
    if error: assert learn.history['size'].tolist() == [16, 16]  # what is finished is kept
    assert validation_sizes(learn) == {32}


def test_a_run_that_diverges_keeps_its_history(learn, tiny):
    stages = [Stage(16, 1, 8), Stage(32, 1, 8, 1e38, 'constant')]
    with pytest.raises(Diverged): fit_progressive(learn, partial(data, tiny), stages)
    assert len(learn.history) == 1


def test_data_of_fastais_own(learn, tiny):
    def fastais(size, bs): return datablock_dls(tiny, size, bs, workers=0)
    history = fit_progressive(learn, fastais, [Stage(16, 1, 8), Stage(24, 1, 8)])
    assert history['size'].tolist() == [16, 24]


def test_the_same_statistics_for_all_sizes(tiny):
    dls = data(tiny, after_batch=Normalize())
    learn = make_learner(dls, Net, seed=0, cbs=CheckNormalize())
    normalized = partial(data, tiny, after_batch=normalization(dls))
    with learn.no_bar(), learn.no_logging():
        fit_progressive(learn, normalized, [Stage(16, 1, 8), Stage(32, 1, 8)])
        with pytest.raises(ValueError, match='no normalization'):
            fit_progressive(learn, partial(data, tiny), [Stage(16, 1, 8)])


def test_without_metrics_and_with_more(tiny):
    learn = make_learner(data(tiny), Net, seed=0, metrics=[accuracy, error_rate])
    stages = [Stage(16, 1, 8)]
    with learn.no_bar(), learn.no_logging():
        assert 'error_rate' in fit_progressive(learn, partial(data, tiny), stages)
        learn.metrics = []
        assert 'accuracy' not in fit_progressive(learn, partial(data, tiny), stages)


# --- batch sizes from a budget

def test_the_largest_batch_fills_the_budget():
    model = Net(10)
    for size in (32, 64):
        n = largest_batch(model, size, .01)
        used, too_much = (saved_gigabytes(model, size, k) for k in (n, n + 9))
        assert n % 8 == 0 and used <= .01 < too_much
    assert largest_batch(model, 64, .02) > 1.9 * largest_batch(model, 64, .01)


def test_what_is_counted_is_what_pytorch_keeps():
    "The same count with real tensors instead of meta ones."
    saved, model = {}, Net(10)
    def keep(t):
        saved[t.untyped_storage().data_ptr()] = t
        return t
    with torch.autograd.graph.saved_tensors_hooks(keep, noop):
        F.cross_entropy(model(torch.rand(4, 3, 32, 32)), torch.zeros(4, dtype=torch.long))
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    real = sum(t.untyped_storage().nbytes() for key, t in saved.items() if key not in weights)
    assert saved_gigabytes(model, 32, 4) * 1e9 == pytest.approx(real, rel=.02)


def test_counting_leaves_the_model_alone():
    model = Net(10).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    saved_gigabytes(model, 32, 4, torch.bfloat16)
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) and value.dtype == before[name].dtype


def test_a_stage_without_a_batch_size(learn, tiny):
    def fit(gigabytes):
        fit_progressive(learn, partial(data, tiny), [Stage(16, 1, None)], gigabytes)
    message = 'a stage of 16 px has no batch size: give it one, or give gigabytes'
    with pytest.raises(ValueError, match=message): fit(None)
    with pytest.raises(ValueError, match='one picture of 16 px takes'): fit(1e-9)
    with pytest.raises(ValueError, match='gigabytes=-1'): fit(-1)
    made = []
    def remember(size, bs):
        made.append(bs)
        return data(tiny, size, bs)
    fit_progressive(learn, remember, [Stage(16, 1, None), Stage(32, 1, None)], gigabytes=1e-4)
    assert made == [largest_batch(learn.model, size, 1e-4) for size in (16, 32)]
    assert made[0] > made[1]


# --- a size that grows

@pytest.mark.parametrize('t,size', [
    (0, 48),
    (.25, 48),
    (.3, 56),
    (.5, 72),
    (.66, 88),
    (.75, 96),
    (1, 96)])
def test_the_size_at_stated_fractions(t, size):
    "48 + 48 (t − .25) / .5, in steps of 8."
    assert size_at(t, 48, 96, begin=.25, end=.75) == size


def test_sizes_never_shrink_and_stay_between_the_ends():
    for small, large, multiple in ((30, 50, 8), (32, 33, 16), (7, 97, 1), (50, 50, 32)):
        sizes = [size_at(i/100, small, large, .1, .9, multiple) for i in range(101)]
        assert sizes == sorted(sizes) and sizes[0] == small and sizes[-1] == large
        assert all(s % multiple == 0 for s in sizes if s not in (small, large))


@pytest.mark.parametrize('per', ['batch', 'epoch'])
def test_training_sees_the_sizes_of_the_formula(learn, per):
    sizes = Sizes()
    learn.fit(4, cbs=[ProgressiveResize(16, begin=.2, end=.9, multiple=4, per=per), sizes])
    n = len(sizes.seen)
    t = [i/n if per == 'batch' else i//5 / 3 for i in range(n)]
    assert n == 20 and len(set(sizes.seen)) > 2
    assert sizes.seen == [size_at(x, 16, 32, .2, .9, 4) for x in t]


@pytest.mark.parametrize('epochs', [1, 2, 3])
def test_the_last_epoch_has_the_large_size(learn, epochs):
    sizes = Sizes()
    learn.fit(epochs, cbs=[ProgressiveResize(16, per='epoch'), sizes])
    assert set(sizes.seen[-5:]) == {32}


def test_an_end_below_the_size_of_the_data(learn):
    sizes = Sizes()
    learn.fit(2, cbs=[ProgressiveResize(8, 24, end=.5), sizes])
    assert sizes.seen[0] == 8 and sizes.seen[-1] == 24 and learn.dls.train.size == 32


def test_validation_keeps_its_size(learn):
    resize, seen = ProgressiveResize(16), []
    class Seen(Callback):
        def after_batch(self):
            if not self.training: seen.append(self.xb[0].shape[-1])
    learn.fit(2, cbs=[resize, Seen()])
    assert set(seen) == {32}
    learn.add_cb(resize)
    test_dl = learn.dls.test_dl(learn.dls.valid.items)
    assert validation_sizes(learn) == validation_sizes(learn, dl=test_dl) == {32}
    learn.remove_cb(resize)


def test_off_in_lr_find(learn):
    sizes = Sizes()
    learn.add_cbs([ProgressiveResize(16), sizes])
    learn.lr_find(num_it=6, show_plot=False)
    assert set(sizes.seen) == {32}


@pytest.mark.parametrize('error', [
    None,
    KeyboardInterrupt,
    RuntimeError,
    CancelFitException,
    CancelTrainException,
    CancelEpochException,
    CancelBatchException])
def test_nothing_of_the_growing_stays(learn, error):
    before = state(learn)
    def fit(): learn.fit(3, cbs=[ProgressiveResize(16), Sizes(error, at=7)])
    if error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error): fit()
    else: fit()
    assert state(learn) == before and validation_sizes(learn) == {32}
    sizes = Sizes()
    learn.fit(1, cbs=sizes)
    assert set(sizes.seen) == {32}


def test_an_error_while_a_batch_is_made_restores_the_size(learn, monkeypatch):
    def broken(*_): raise OSError('disk')
    monkeypatch.setattr(type(learn.dls.train), 'squares', broken)
    with pytest.raises(OSError): learn.fit(1, cbs=ProgressiveResize(16))
    assert learn.dls.train.size == 32


def test_the_crops_are_those_of_a_loader_of_that_size(tiny):
    "No second interpolation: at 16 px the network sees what a 16 px loader makes."
    seen = []
    class Seen(Callback):
        def before_batch(self):
            if self.training: seen.append(self.xb[0].clone())
    learn = make_learner(data(tiny), Net, seed=0)
    resize = ProgressiveResize(16, 17, begin=.99, end=1., multiple=1)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=[resize, Seen()])
    for x, (y, _) in zip(seen, data(tiny, 16).train): assert torch.equal(x, y)


def test_the_progress_bar_works(tiny, capsys):
    learn = make_learner(data(tiny), Net, seed=0)
    learn.fit(1, cbs=ProgressiveResize(16))
    assert learn.recorder.values


def test_together_with_checked_normalization(tiny):
    dls = data(tiny, after_batch=Normalize())
    learn = make_learner(dls, Net, seed=0, cbs=[CheckNormalize(), ProgressiveResize(16)])
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1, 1e-3)


@pytest.mark.parametrize('args,message', [
    (dict(small=0), 'small=0'),
    (dict(small='16'), "small='16': it must be a whole number"),
    (dict(large=-1), 'large=-1'),
    (dict(begin=.5, end=.5), 'begin=0.5 is not before end=0.5'),
    (dict(end=1.5), 'end=1.5: it must be between 0 and 1'),
    (dict(begin=-1), 'begin=-1'),
    (dict(multiple=0), 'multiple=0'),
    (dict(per='step'), "per='step': choose one of batch, epoch")])
def test_bad_schedules(args, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ProgressiveResize(**{'small': 16, **args})


def test_schedules_that_do_not_fit_the_data(learn, tiny):
    with pytest.raises(ValueError, match=r'large=48 is larger than the stored pictures \(32'):
        learn.fit(1, cbs=ProgressiveResize(16, 48))
    with pytest.raises(ValueError, match='small=48 is larger than large=32'):
        learn.fit(1, cbs=ProgressiveResize(48))
    learn.dls = datablock_dls(tiny, 16, 8, workers=0)
    with pytest.raises(TypeError, match="make the data with sotatrain's get_dls"):
        learn.fit(1, cbs=ProgressiveResize(8))


def test_one_epoch_and_an_odd_last_batch(tiny):
    learn = make_learner(data(tiny, bs=7), Net, seed=0)
    sizes = Sizes()
    with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=[ProgressiveResize(16), sizes])
    assert len(sizes.seen) == 5 and sizes.seen[0] == 16 and sizes.seen[-1] == 32


def test_a_history_over_several_fits(learn):
    watch = Watch()
    learn.fit(2, cbs=watch)
    learn.fit(1, cbs=watch)
    assert len(watch.epochs) == 3 and watch.totals()['seconds'] > 0
