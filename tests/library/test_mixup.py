import math
import random
import re
from copy import deepcopy
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.callback.mixup import MixHandler
from fastai.callback.mixup import MixUp as FastaiMixUp
from fastai.vision.all import (
    SGD,
    BCEWithLogitsLossFlat,
    Callback,
    CancelBatchException,
    CancelFitException,
    CancelTrainException,
    CrossEntropyLossFlat,
    DataLoader,
    DataLoaders,
    GradientAccumulation,
    GradientClip,
    LabelSmoothingCrossEntropyFlat,
    Learner,
    MSELossFlat,
    ProgressCallback,
    accuracy,
    nn,
    noop,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from sotatrain.data import image_files
from sotatrain.learner import Bfloat16, make_learner, seeded
from sotatrain.mixup import *
from sotatrain.presize import get_dls
from sotatrain.smoothing import LabelSmoothingCrossEntropy
from tests.networks import Net

EVERY_KIND = [MixUp, CutMix, ManifoldMixUp, MixOne]


# --- one-hot

def test_one_hot():
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(torch.tensor(1), 2).tolist() == [0, 1]
    assert one_hot(torch.zeros(2, 4, dtype=torch.uint8), 5).shape == (2, 4, 5)


@pytest.mark.parametrize('y,error,message', [
    ([3], ValueError, 'labels from 3 to 3: with 3 classes they go from 0 to 2'),
    ([-1], ValueError, 'labels from -1'),
    ([.5], TypeError, 'one_hot takes whole numbers'),
])
def test_labels_that_are_none(y, error, message):
    with pytest.raises(error, match=message): one_hot(torch.tensor(y), 3)


# --- λ

@given(st.floats(.01, 10), st.integers(1, 50), st.booleans())
@settings(max_examples=50, deadline=None)
def test_lambda_is_a_share(alpha, n, fold):
    lam = draw_lam(alpha, n, fold)
    assert lam.shape == (n,) and ((0 <= lam) & (lam <= 1)).all()
    assert not fold or (lam >= .5).all()


@pytest.mark.parametrize('alpha', [.1, .4, 1., 4.])
def test_lambda_has_the_moments_of_beta(alpha):
    torch.manual_seed(0)
    lam = draw_lam(alpha, 200_000, fold=False)
    assert lam.mean() == pytest.approx(.5, abs=.005)
    assert lam.var() == pytest.approx(1 / (4*(2*alpha + 1)), rel=.02)


def test_a_tiny_alpha_leaves_nearly_all_pictures_alone():
    lam = draw_lam(.001, 10_000, fold=False)
    assert ((lam < .001) | (lam > .999)).float().mean() > .98
    assert .45 < (lam > .5).float().mean() < .55


def test_lambda_repeats_with_pytorchs_seed():
    with seeded(3): a = draw_lam(.4, 5)
    with seeded(3): assert torch.equal(a, draw_lam(.4, 5))


# --- the functions

@st.composite
def batches(draw):
    n, size = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    x = torch.rand(n, 3, size, size, generator=generator, dtype=torch.float64)
    y = one_hot(torch.randint(4, (n,), generator=generator), 4).double()
    lam = torch.rand(n, generator=generator, dtype=torch.float64)
    return x, y, lam, torch.randperm(n, generator=generator)


def of_each(lam, own, partner):
    "λ of each row and 1 − λ of its partner, where rows are vectors."
    return lam[:, None]*own + (1 - lam)[:, None]*partner


@given(batches())
@settings(max_examples=50, deadline=None)
def test_mixup_is_the_formula(batch):
    x, y, lam, perm = batch
    mixed, targets = mixup(x, y, lam, perm)
    for i in range(len(x)):
        assert torch.allclose(mixed[i], lam[i]*x[i] + (1 - lam[i])*x[perm[i]])
        assert torch.allclose(targets[i], lam[i]*y[i] + (1 - lam[i])*y[perm[i]])
    assert torch.allclose(targets.sum(1), torch.ones(len(x), dtype=torch.float64))


@given(batches())
@settings(max_examples=20, deadline=None)
def test_the_ends_of_lambda(batch):
    x, y, _, perm = batch
    assert all(map(torch.equal, mixup(x, y, 1., perm), (x, y)))
    assert all(map(torch.equal, mixup(x, y, 0., perm), (x[perm], y[perm])))
    assert all(map(torch.equal, mixup(x, y, torch.ones(len(x)), perm), (x, y)))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_precision_is_kept(dtype):
    x, y = torch.rand(4, 3, 2, 2).to(dtype), torch.eye(4)
    mixed, targets = mixup(x, y, torch.tensor([.3, .5, .7, 1.]), torch.tensor([1, 0, 3, 2]))
    assert mixed.dtype == dtype and targets.dtype == torch.float32
    assert torch.allclose(mixed.float()[0], (.3*x[0].float() + .7*x[1].float()), atol=.01)


@pytest.mark.parametrize('change,message', [
    (lambda x: (x, torch.tensor([0, 1])),
     r'y has the type torch.int64, which cannot be blended: use one_hot\(y, n_classes\)'),
    (lambda x: (x.byte(), x), 'x has the type torch.uint8'),
    (lambda x: (x.tolist(), x), 'x is a list, which cannot be blended: it must be a tensor'),
])
def test_what_cannot_be_blended(change, message):
    with pytest.raises(TypeError, match=message):
        mixup(*change(torch.rand(2, 3)), .5, torch.tensor([1, 0]))


def five_pictures(side):
    x = torch.rand(5, 3, side, side, dtype=torch.float64)
    return x, torch.tensor([0, 1, 2, 3, 1]), torch.arange(5).roll(1)


def test_mixup_as_torchvision_does():
    class Fixed(v2.MixUp):
        def make_params(self, inputs): return dict(lam=.3)
    x, y, perm = five_pictures(4)
    theirs, their_targets = Fixed(num_classes=4)(x, y)
    ours, targets = mixup(x, one_hot(y, 4), .3, perm)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert torch.allclose(targets.double(), their_targets.double(), atol=1e-6)


def test_cutmix_as_torchvision_does():
    class Fixed(v2.CutMix):
        def make_params(self, inputs): return dict(box=(1, 2, 4, 7), lam_adjusted=1 - 3*5/64)
    x, y, perm = five_pictures(8)
    theirs, their_targets = Fixed(num_classes=4)(x, y)
    ours, lam = cutmix(x, torch.tensor([1, 2, 4, 7]).expand(5, 4), perm)
    targets = mixup(x, one_hot(y, 4), lam, perm)[1]
    assert torch.equal(ours, theirs)
    assert torch.allclose(targets.double(), their_targets.double(), atol=1e-6)


@pytest.mark.parametrize('kind', ['mixup', 'cutmix'])
def test_mixing_as_timm_does(kind):
    timm = pytest.importorskip('timm.data.mixup')
    x, y = torch.rand(4, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3])
    alphas = {f'{name}_alpha': float(name == kind) for name in ('mixup', 'cutmix')}
    theirs = timm.Mixup(**alphas, label_smoothing=0., num_classes=4)
    np.random.seed(3)
    their_x, their_y = theirs(x.clone(), y)
    np.random.seed(3)
    lam, is_cutmix = theirs._params_per_batch()
    perm = torch.arange(4).flip(0)  # timm's partners: the batch in reverse
    if kind == 'mixup': ours, lam = mixup(x, x, lam, perm)[0], torch.tensor(lam)
    else:
        (top, bottom, left, right), _ = timm.cutmix_bbox_and_lam(x.shape, lam)
        ours, lam = cutmix(x, torch.tensor([left, top, right, bottom]).expand(4, 4), perm)
    targets = mixup(x, one_hot(y, 4), lam, perm)[1]
    assert torch.allclose(ours, their_x, atol=1e-6)
    assert torch.allclose(targets.double(), their_y.double(), atol=1e-6)


@given(batches(), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_loss_of_a_blend_is_the_blend_of_the_losses(batch, seed):
    x, y, lam, perm = batch
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(len(x), 4, generator=generator, dtype=torch.float64)
    blended = F.cross_entropy(z, mixup(x, y, lam, perm)[1], reduction='none')
    own, other = (F.cross_entropy(z, t.argmax(1), reduction='none') for t in (y, y[perm]))
    assert torch.allclose(blended, lam*own + (1 - lam)*other, atol=1e-12)


@given(batches())
@settings(max_examples=50, deadline=None)
def test_pictures_and_targets_get_the_same_partners(batch):
    "Where the picture is the target itself, the blends must be equal."
    _, y, lam, perm = batch
    mixed, targets = mixup(y[:, :, None, None].expand(-1, -1, 2, 2), y, lam, perm)
    assert torch.equal(mixed[:, :, 1, 0], targets)


def test_double_precision_is_kept():
    x, _, perm = five_pictures(4)
    ours = mixup(x, x, .3, perm)[0]
    assert (ours - (.3*x + .7*x.roll(1, 0))).abs().max() < 1e-15


@pytest.mark.parametrize('lam', [1.5, -.1, math.nan, torch.tensor([.5, 2.])])
def test_what_is_no_share(lam):
    with pytest.raises(ValueError, match='lam=.*: shares are between 0 and 1'):
        mixup(torch.rand(2, 3), torch.rand(2, 3), lam, torch.tensor([1, 0]))


@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_cutmix_lambda_is_the_true_share_of_pixels(n, height, width, seed):
    torch.manual_seed(seed)
    own = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 1, height, width)
    perm = torch.randperm(n)
    mixed, lam = cutmix(own, cutmix_boxes(torch.rand(n), height, width), perm)
    for i in range(n):
        is_own = mixed[i] == i
        assert (is_own | (mixed[i] == perm[i])).all()
        if perm[i] == i: continue
        assert lam[i].item() == pytest.approx(is_own.float().mean().item(), abs=1e-6)


def test_boxes_have_the_area_of_the_paper():
    torch.manual_seed(0)
    lam = torch.rand(2000)
    boxes = cutmix_boxes(lam, 100, 200)
    start, end = boxes[:, :2], boxes[:, 2:]
    whole = (start > 0).all(1) & (end < torch.tensor([200, 100])).all(1)  # nothing was cut off
    area = (end - start).prod(1)[whole] / 20_000
    assert whole.sum() > 100 and torch.allclose(area, 1 - lam[whole], atol=.02)


# --- the callbacks: helpers

@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.getbasetemp()/'mixup-cache'))


def loaders(*columns, bs=4): return DataLoaders(*[DataLoader(list(zip(*columns)), bs=bs)]*2)


def numbers(y=noop, n=12, bs=4, width=6):
    "Data that are no pictures: `y` makes the targets."
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, width, generator=generator)
    return loaders(x, y(torch.randint(3, (n,), generator=generator)), bs=bs)


def quiet(learn):
    learn.remove_cb(ProgressCallback)
    learn.logger = noop
    return learn


def learner_of(dls, model, loss=F.cross_entropy, cbs=None, **kwargs):
    return quiet(Learner(dls, model, loss_func=loss, opt_func=SGD, cbs=cbs, **kwargs))


def linear_learner(loss, y=noop, n_out=3, cbs=None, bs=4, **kwargs):
    torch.manual_seed(0)
    return learner_of(numbers(y, bs=bs), nn.Linear(6, n_out), loss, cbs, **kwargs)


def net_learner(tiny, **kwargs):
    return quiet(make_learner(get_dls(16, 8, tiny, presize=24, seed=0), Net, seed=0, **kwargs))


@pytest.fixture
def learn(tiny): return net_learner(tiny)


def at(event, do, order=20):
    "A callback that does something at an event of each training batch."
    class At(Callback): run_valid = False
    At.order = order
    setattr(At, event, do)
    return At()


def stop(event, error=KeyboardInterrupt, iteration=None):
    "A callback that raises an error at an event."
    def fail(self):
        if iteration in (None, self.iter): raise error('stop')
    return at(event, fail, order=30)


def hooks(model): return [hook for m in model.modules() for hook in m._forward_hooks.values()]


class Pooled(nn.Module):
    "Pictures in, `n_out` numbers out."
    def __init__(self, n_out):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, n_out)
    def forward(self, x): return self.head(self.conv(x).mean((2, 3)))


class See(Callback):
    "What the network is given, and what the loss is."
    run_valid, order = False, 10
    def __init__(self): self.x, self.losses = [], []
    def before_batch(self): self.x.append(self.xb[0].clone())
    def after_loss(self): self.losses.append(self.loss.detach().clone())


# --- the callbacks: the loss

WEIGHT = torch.tensor([1., 20., 3.])
LOSSES = [
    (F.cross_entropy, {}),
    (nn.CrossEntropyLoss(), {}),
    (CrossEntropyLossFlat(), {}),
    (nn.CrossEntropyLoss(label_smoothing=.1), dict(label_smoothing=.1)),
    (LabelSmoothingCrossEntropyFlat(), dict(label_smoothing=.1)),
    (nn.CrossEntropyLoss(reduction='sum'), dict(reduction='sum')),
    (partial(F.cross_entropy, reduction='sum'), dict(reduction='sum')),
    (nn.CrossEntropyLoss(WEIGHT), dict(weight=WEIGHT)),
    (CrossEntropyLossFlat(weight=WEIGHT), dict(weight=WEIGHT)),
    (partial(F.cross_entropy, weight=WEIGHT), dict(weight=WEIGHT)),
    (LabelSmoothingCrossEntropy(.1, WEIGHT), dict(weight=WEIGHT, label_smoothing=.1)),
]

def name_of(x): return str(x) if isinstance(x, dict) else type(x).__name__

@pytest.mark.parametrize('scope', ['sample', 'batch'])
@pytest.mark.parametrize('loss,settings', LOSSES, ids=name_of)
def test_the_loss_is_the_blend_of_both_labels_losses_at_its_usual_scale(loss, settings, scope):
    mix, checked = MixUp(.8, scope), []
    def check(self):
        lam, y, partner = mix.pair
        each = partial(F.cross_entropy, self.pred, **settings | dict(reduction='none'))
        n = len(y)
        if 'weight' in settings: n = settings['weight'][y].sum()
        if settings.get('reduction') == 'sum': n = 1
        expected = (lam*each(y) + (1 - lam)*each(partner)).sum() / n
        assert torch.allclose(self.learn.loss, expected, atol=1e-5)
        assert torch.allclose(self.learn.loss_grad, expected, atol=1e-5)
        if 'weight' not in settings:  # the loss of the blended target as well
            target = of_each(lam, one_hot(y, 3), one_hot(partner, 3))
            of_target = F.cross_entropy(self.pred, target, **settings)
            assert torch.allclose(expected, of_target, atol=1e-5)
        checked.append(True)
    linear_learner(loss, cbs=[mix, at('after_loss', check)]).fit(1, .1)
    assert checked == [True]*3


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_a_label_for_each_pixel(reduction):
    dls = loaders(torch.rand(8, 3, 5, 5), torch.randint(3, (8, 5, 5)))
    mix, checked = MixUp(.8), []
    def check(self):
        lam, own, partner = mix.pair
        each = sum(
            share[:, None, None]*F.cross_entropy(self.pred, target, reduction='none')
            for share, target in ((lam, own), (1 - lam, partner)))
        checked.append(torch.allclose(self.loss, getattr(each, reduction)(), rtol=1e-4))
        assert torch.equal(self.y, own)
    loss = nn.CrossEntropyLoss(reduction=reduction)
    learner_of(dls, nn.Conv2d(3, 3, 1), loss, [mix, at('after_loss', check)]).fit(1, .1)
    assert checked == [True]*2


def several(c): return one_hot(c, 3) + one_hot((c + 1) % 3, 3)

@pytest.mark.parametrize('scope', ['sample', 'batch'])
@pytest.mark.parametrize('kind', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('targets,loss,n_out', [
    pytest.param(lambda c: one_hot(c, 3), nn.CrossEntropyLoss(), 3, id='one-hot'),
    pytest.param(several, BCEWithLogitsLossFlat(), 3, id='several labels'),
    pytest.param(lambda c: c.float()[:, None], MSELossFlat(), 1, id='regression'),
])
def test_targets_that_can_be_blended(targets, loss, n_out, kind, scope):
    dls = loaders(torch.rand(12, 3, 8, 8), targets(torch.arange(12) % 3))
    mix, seen = kind(scope=scope), []
    class Check(Callback):
        run_valid, order = False, 5
        def before_batch(self):
            self.blended = of_each(*mix.pair)
            seen.append(torch.allclose(self.y, self.blended))
        def after_loss(self):
            lam, own, partner = mix.pair
            seen.append(torch.allclose(self.loss, loss(self.pred, self.blended)))
            larger = torch.where(lam[:, None] >= .5, own, partner)
            seen.append(torch.equal(self.y, larger))  # for metrics
    learner_of(dls, Pooled(n_out), loss, [mix, Check()]).fit(1, .1)
    assert seen == [True]*9


def test_several_labels_by_hand():
    "A label that both pictures have stays whole."
    y, x = torch.tensor([[1., 1, 0], [0, 1, 1]]), torch.tensor([[8., 0, 0], [0, 4, 0]])
    blended = [[.25, 1, .75], [.75, 1, .25]]
    share, perm = torch.full((2,), .25), torch.tensor([1, 0])
    mixed, targets = mixup(x, y, share, perm)
    assert targets.tolist() == blended and mixed.tolist() == [[2, 3, 0], [6, 1, 0]]
    mixer, seen = MixUp(), []
    mixer.draw = lambda xb: (*mixer.mix(xb, share, perm), perm)
    note = at('before_batch', lambda self: seen.extend((self.x.tolist(), self.y.tolist())))
    loss = BCEWithLogitsLossFlat()
    learner_of(loaders(x, y), nn.Linear(3, 3), loss, [mixer, note]).fit(1, .1)
    assert seen == [mixed.tolist(), blended]


@pytest.mark.parametrize('kind', EVERY_KIND)
def test_pictures_and_labels_have_the_same_partners(kind):
    "Every pixel of a picture is its class: the answer must be blended as the labels are."
    y = torch.tensor([0, 1, 2, 3]*3)
    dls = loaders(one_hot(y, 4)[:, :, None, None].expand(12, 4, 8, 8).clone(), y)
    conv, head = nn.Conv2d(4, 4, 1, bias=False), nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.eye(4)[:, :, None, None])
        head.weight.copy_(torch.eye(4))
    model = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    mixer, checked = kind(), []
    def check(self):
        lam, own, partner = mixer.pair
        expected = of_each(lam, one_hot(own, 4), one_hot(partner, 4))
        checked.append(torch.allclose(self.pred, expected, atol=1e-5))
    learner_of(dls, model, nn.CrossEntropyLoss(), [mixer, at('after_loss', check)]).fit(4, 0.)
    assert checked == [True]*12


def test_the_same_loss_as_fastai(tiny):
    "Given fastai's λ and partners."
    def losses(mixer):
        see, learn = See(), net_learner(tiny, bf16=False)
        learn.add_cbs([mixer, see])
        with seeded(5): learn.fit(1, 1e-2)
        return torch.stack(see.losses)
    class Fixed:
        def sample(self, shape): return torch.linspace(.1, .9, shape[0])
    theirs, ours = FastaiMixUp(.4), MixUp(.4)
    theirs.distrib = Fixed()
    def draw(xb):
        lam = torch.linspace(.1, .9, len(xb[0]))
        perm = torch.randperm(len(lam))
        return *ours.mix(xb, torch.maximum(lam, 1 - lam), perm), perm
    ours.draw = draw
    assert torch.allclose(losses(ours), losses(theirs), atol=1e-6)


@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('bs', [1, 3])
def test_single_and_odd_batches(kind, bs):
    dls = loaders(torch.rand(3, 3, 8, 8), torch.tensor([0, 1, 2]), bs=bs)
    layers = nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    learn = quiet(Learner(dls, nn.Sequential(*layers), nn.CrossEntropyLoss(), cbs=kind()))
    learn.fit(2, .1)
    assert math.isfinite(learn.recorder.values[-1][0])


def test_a_batch_of_one_is_left_alone():
    see = See()
    learn = linear_learner(F.cross_entropy, cbs=[MixUp(), see], bs=1)
    learn.fit(1, 0.)
    for x, (expected, y), loss in zip(see.x, learn.dls.train, see.losses):
        assert torch.allclose(x, expected)
        assert torch.allclose(loss, F.cross_entropy(learn.model(expected), y))


# --- the callbacks: when they mix, and what they leave

@pytest.mark.parametrize('kind', EVERY_KIND)
def test_only_training_is_mixed(learn, kind):
    learn.add_cb(kind())
    learn.fit(1, 1e-3)
    with learn.no_bar(): a, b = learn.get_preds()[0], learn.get_preds()[0]
    assert torch.equal(a, b)
    plain = quiet(make_learner(learn.dls, Net, seed=0))
    plain.model.load_state_dict(learn.model.state_dict())
    assert learn.validate() == plain.validate()


@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('until,batches', [
    (0., 0),
    (.3, 3),
    (.5, 5),
    (1., 10),
])
def test_until(learn, kind, until, batches):
    mixer, mixed = kind(until=until), []
    note = at('before_batch', lambda self: mixed.append(mixer.pair is not None))
    learn.fit(2, 1e-3, cbs=[mixer, note])
    assert mixed == [True]*batches + [False]*(10 - batches)


EVENTS = ['before_batch', 'after_pred', 'after_loss', 'before_step', 'after_step']
CANCELS = [CancelFitException, CancelTrainException, CancelBatchException]
ERRORS = [KeyboardInterrupt, RuntimeError]

@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('event', EVENTS)
@pytest.mark.parametrize('error', [None, *ERRORS, *CANCELS])
def test_the_learner_is_as_before_however_a_fit_ends(learn, kind, event, error):
    loss, cbs, metrics = learn.loss_func, [*learn.cbs], [*learn.metrics]
    forward = vars(learn.model).get('forward')
    ends = [stop(event, error, iteration=2)] if error else []
    def fit(): learn.fit(1, 1e-3, cbs=[kind(), *ends])
    if error in ERRORS:
        with pytest.raises(error): fit()
    else: fit()
    assert learn.loss_func is loss and loss.reduction == 'mean'
    assert [*learn.cbs] == cbs and [*learn.metrics] == metrics
    assert vars(learn.model).get('forward') is forward
    if error in ERRORS and event == 'before_batch':  # a hook may wait, but not longer than this
        learn.model(learn.dls.valid.one_batch()[0])
    assert not hooks(learn.model)


@pytest.mark.parametrize('kind', EVERY_KIND)
def test_an_interruption_inside_the_loss(learn, kind):
    class Interrupted(nn.CrossEntropyLoss):
        calls = 0
        def forward(self, pred, y):
            self.calls += 1
            if self.calls == 6: raise KeyboardInterrupt  # the second batch's, for each picture
            return super().forward(pred, y)
    learn.loss_func = loss = Interrupted()
    with pytest.raises(KeyboardInterrupt): learn.fit(1, 1e-3, cbs=kind())
    assert learn.loss_func is loss and loss.reduction == 'mean'


def interrupted(learn, *mixers):
    "Leaves a fit after a batch was mixed, before the network has seen it."
    with pytest.raises(KeyboardInterrupt):
        learn.fit(1, 1e-3, cbs=[*mixers, stop('before_batch')])
    assert len(hooks(learn.model)) == 1


def inside(): return ManifoldMixUp(layers=['1'])

def one_of(): return MixOne([inside(), MixUp()], weights=[1, 0])

@pytest.mark.parametrize('first', [inside, one_of])
@pytest.mark.parametrize('then', [None, MixUp, inside, one_of])
def test_a_blend_prepared_for_an_interrupted_batch_does_not_reach_another_training(
        tiny, first, then):
    losses = []
    for is_interrupted in (False, True):
        see, learn = See(), net_learner(tiny)
        if is_interrupted: interrupted(learn, first())
        learn.dls = get_dls(16, 8, tiny, presize=24, seed=0)
        random.seed(1)
        with seeded(1): learn.fit(1, 1e-3, cbs=[see] if then is None else [see, then()])
        losses.append(torch.stack(see.losses))
        assert not hooks(learn.model)
    assert torch.equal(*losses)


@pytest.mark.parametrize('mixers', [
    [MixUp, CutMix],
    [MixUp, ManifoldMixUp],
    [MixOne, MixUp],
])
def test_two_kinds_of_mixing_at_once_are_refused(learn, mixers):
    with pytest.raises(ValueError, match='two kinds of mixing at once.*MixOne'):
        learn.fit(1, 1e-3, cbs=[kind() for kind in mixers])


def test_an_interruption_inside_the_network_leaves_nothing(learn):
    learn.add_cb(ManifoldMixUp(layers=['5']))
    def interrupt(*_): raise KeyboardInterrupt
    interruption = learn.model[3].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt): learn.fit(1, 1e-3)
    interruption.remove()
    x = learn.dls.valid.one_batch()[0]
    with torch.no_grad(): a, b = learn.model.eval()(x), learn.model(x)
    assert torch.equal(a, b) and not hooks(learn.model)
    learn.fit(1, 1e-3)
    assert not hooks(learn.model)


@pytest.mark.parametrize('kind', [inside, one_of])
def test_an_interruption_just_before_the_network(learn, kind):
    "The blend that was prepared is neither left for a prediction nor for another batch."
    mixer = kind()
    learn.add_cb(mixer)
    interrupted(learn)
    x = learn.dls.valid.one_batch()[0]
    with torch.no_grad(): a, b = learn.model.eval()(x), learn.model(x)
    assert torch.equal(a, b) and not hooks(learn.model)
    interrupted(learn)
    mixer('after_fit')
    assert not hooks(learn.model)
    interrupted(learn)
    learn.fit(1, 1e-3)
    assert not hooks(learn.model)


def test_a_network_whose_batch_was_interrupted_can_be_copied(learn):
    interrupted(learn, inside())
    x, copied = learn.dls.valid.one_batch()[0], deepcopy(learn.model)
    with torch.no_grad(): a, b = learn.model.eval()(x), copied.eval()(x)
    assert torch.equal(a, b) and not hooks(learn.model) and not hooks(copied)


@pytest.mark.parametrize('mixer', [
    lambda: ManifoldMixUp(layers=['unused']),
    lambda: MixOne([ManifoldMixUp(layers=['unused'])]),
], ids=['alone', 'one of'])
def test_a_layer_that_does_not_run(mixer):
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(6, 3), nn.Linear(6, 3)
        def forward(self, x): return self.used(x)
    learn = learner_of(numbers(), Lazy(), cbs=mixer())
    message = "layers: 'unused' did not run, so nothing was blended"
    with pytest.raises(ValueError, match=message): learn.fit(1, .1)
    assert not hooks(learn.model)


def test_a_layer_that_runs_twice_is_blended_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.same, self.head = nn.Identity(), nn.Linear(3, 3)
        def forward(self, x): return self.same(self.same(x))
    y = torch.tensor([0, 1, 2])
    mixer, checked = ManifoldMixUp(layers=['same']), []
    def check(self):
        lam, own, partner = mixer.pair
        expected = of_each(lam, one_hot(own, 3), one_hot(partner, 3))
        checked.append(torch.allclose(self.pred, expected))
    dls = loaders(one_hot(y, 3).requires_grad_(), y, bs=3)
    learner_of(dls, Twice(), cbs=[mixer, at('after_pred', check)]).fit(3, 0.)
    assert checked == [True]*3


def test_a_loss_without_reduction():
    def mean_error(pred, y): return F.cross_entropy(pred, y)
    message = "has no `reduction`, so it cannot give a loss for each picture: use scope='batch'"
    with pytest.raises(TypeError, match=message):
        linear_learner(mean_error, cbs=MixUp()).fit(1, .1)
    linear_learner(mean_error, cbs=MixUp(scope='batch')).fit(1, .1)


def test_two_targets_are_refused():
    x = torch.rand(8, 6)
    learn = learner_of(loaders(x, x, x), nn.Linear(6, 6), lambda p, a, b: p.mean(), MixUp())
    learn.dls.train.n_inp = 1
    with pytest.raises(TypeError, match='2 targets for each picture'): learn.fit(1, .1)


@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('error', [None, KeyboardInterrupt])
def test_inside_lr_find(learn, kind, error):
    loss, mixer, mixed = learn.loss_func, kind(), []
    def note(self):
        mixed.append(mixer.pair is not None)
        if error and len(mixed) == 3: raise error
    learn.add_cbs([mixer, at('after_loss', note)])
    if error:
        with pytest.raises(error): learn.lr_find(num_it=6, show_plot=False)
    else: learn.lr_find(num_it=6, show_plot=False)
    assert learn.loss_func is loss and loss.reduction == 'mean'
    assert all(mixed) and len(mixed) >= 3


@pytest.mark.parametrize('mixer', [lambda: MixUp(1.), CutMix], ids=['MixUp', 'CutMix'])
def test_training_metrics_tell_of_the_larger_part(mixer):
    "A network that always names the larger part is right, whatever λ is."
    class Larger(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
        def forward(self, x): return self.scale * x.mean((2, 3))
    y = torch.tensor([0, 1, 2, 3]*4)
    dls = loaders(one_hot(y, 4)[:, :, None, None].expand(16, 4, 8, 8).clone(), y, bs=8)
    torch.manual_seed(0)  # a box of exactly half of a picture has no larger part
    learn = quiet(Learner(dls, Larger(), nn.CrossEntropyLoss(), metrics=accuracy, cbs=mixer()))
    learn.recorder.train_metrics = True
    learn.fit(3, 0.)
    column = learn.recorder.metric_names.index('train_accuracy') - 1
    assert [row[column] for row in learn.recorder.values] == [1., 1., 1.]


def test_with_gradients_in_parts_and_clipping(learn):
    learn.add_cbs([MixUp(), GradientAccumulation(16), GradientClip(.1)])
    learn.fit(1, 1e-3)


# --- the callbacks: parameters

@pytest.mark.parametrize('kind', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('args,message', [
    (dict(alpha=0), 'alpha=0'),
    (dict(alpha=-1), 'alpha=-1'),
    (dict(alpha='x'), "alpha='x': it must be a number"),
    (dict(alpha=math.nan), 'alpha=nan'),
    (dict(scope='image'), "scope='image': choose one of sample, batch"),
    (dict(until=2), 'until=2: it must be between 0 and 1'),
])
def test_bad_parameters(kind, args, message):
    with pytest.raises((ValueError, TypeError), match=message): kind(**args)


@pytest.mark.parametrize('layers,message', [
    (['99'], "the model has no layer '99'; choose names from"),
    ([], 'there is none to choose from'),
])
def test_bad_layers(learn, layers, message):
    with pytest.raises(ValueError, match=message):
        learn.fit(1, cbs=ManifoldMixUp(layers=layers))


@pytest.mark.parametrize('layers', [3, '1'])
def test_layers_are_a_list(layers):
    with pytest.raises(TypeError, match=f'layers={layers!r}: give a list of names'):
        ManifoldMixUp(layers=layers)


def test_a_wrapper_is_looked_into():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
        def forward(self, x): return self.net(x)
    mixer = ManifoldMixUp()
    learner_of(numbers(), Wrapper(), cbs=mixer).fit(1, .1)
    assert mixer.candidates == ['', 'net.0']


def test_a_single_layer_has_no_inside():
    with pytest.raises(ValueError, match='there is none to choose from'):
        linear_learner(F.cross_entropy, cbs=ManifoldMixUp()).fit(1, .1)


def test_an_output_that_is_no_tensor():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(6, 4), nn.Linear(4, 3)
        def forward(self, x): return self.head(self.lstm(x)[0])
    learn = learner_of(numbers(), Recurrent(), cbs=ManifoldMixUp(layers=['lstm']))
    message = 'the output of lstm is a tuple, which cannot be blended'
    with pytest.raises(TypeError, match=message): learn.fit(1, .1)


def test_layers_that_are_chosen(learn):
    "The input, and all children with weights but the last one."
    mixer = ManifoldMixUp()
    learn.fit(1, 1e-3, cbs=mixer)
    assert mixer.candidates == ['', '0', '1']


def test_cutmix_needs_pictures():
    with pytest.raises(TypeError, match='CutMix needs batches of pictures'):
        linear_learner(F.cross_entropy, cbs=CutMix()).fit(1)


@pytest.mark.parametrize('args,message', [
    (dict(mixers=[]), 'no mixers'),
    (dict(mixers={'Mixup': {}}), "no 'Mixup'; choose from MixUp, CutMix, ManifoldMixUp"),
    (dict(mixers=[MixUp]), 'give callbacks such as'),
    (dict(mixers=['MixUp']), "mixers: 'MixUp' is none"),
    (dict(weights=[1]), 'for 2 mixers'),
    (dict(weights=[0, 0]), 'not 0 to all'),
    (dict(weights=[-1, 2]), r'weights=\[-1, 2\]'),
])
def test_bad_mixtures(args, message):
    with pytest.raises((ValueError, TypeError), match=message): MixOne(**args)


def test_a_mixture_of_mixtures(learn):
    learn.fit(1, 1e-3, cbs=MixOne([MixOne([MixUp(scope='batch')]), ManifoldMixUp()]))
    assert math.isfinite(learn.recorder.values[-1][0])


def test_one_of_several_is_chosen_by_weight(learn):
    mixer, chosen = MixOne([MixUp(), CutMix(), ManifoldMixUp()], weights=[1, 0, 3]), []
    note = at('before_batch', lambda self: chosen.append(type(mixer.chosen).__name__))
    random.seed(0)
    learn.fit(20, 1e-3, cbs=[mixer, note])
    assert set(chosen) == {'MixUp', 'ManifoldMixUp'}
    assert .6 < chosen.count('ManifoldMixUp')/len(chosen) < .9


# --- the callbacks: precision

@pytest.mark.parametrize('kind', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(kind, dtype):
    dls = loaders(torch.rand(8, 3, 8, 8).to(dtype), torch.tensor([0, 1, 2, 1]*2))
    mixer, checked = kind(), []
    def check(self):
        lam, own, partner = mixer.pair
        assert self.pred.dtype == dtype and lam.dtype == torch.float32
        target = of_each(lam, one_hot(own, 3), one_hot(partner, 3))
        expected = F.cross_entropy(self.pred.float(), target).item()
        checked.append(self.loss.item() == pytest.approx(expected, rel=.02))
    cbs = [mixer, at('after_loss', check)]
    learner_of(dls, Pooled(3).to(dtype), nn.CrossEntropyLoss(), cbs).fit(1, .1)
    assert checked == [True]*2


def test_autocast(learn):
    model = learn.model
    learn.fit(1, 1e-3, cbs=[Bfloat16(), ManifoldMixUp(layers=['1'])])
    assert learn.model is model
    assert math.isfinite(learn.recorder.values[-1][0])


# --- what the network sees

@pytest.mark.parametrize('kind', [MixUp, CutMix, MixOne])
def test_a_batch_is_shown_with_both_labels(tiny, kind):
    dls, same = (get_dls(16, 8, tiny, presize=24, seed=0) for _ in range(2))
    y = same.train.one_batch()[1].tolist()
    mixer, draws = kind(), []
    def keep(xb):
        draws.append(kind.draw(mixer, xb))
        return draws[-1]
    mixer.draw = keep
    mixer.show_batch(dls, 3)
    (_, lam, perm), = draws
    expected = [
        f'{share:.2f} {dls.vocab[y[i]]}\n{1 - share:.2f} {dls.vocab[y[partner]]}'
        for i, (share, partner) in enumerate(zip(lam.tolist(), perm.tolist()))]
    assert [ax.get_title() for ax in plt.gcf().axes] == expected[:3]
    plt.close('all')


@pytest.mark.parametrize('label, title', [
    (lambda i: ['a', 'b'] if i % 2 else ['b'], {'a, b', 'b'}),
    (lambda i: [] if i % 2 else ['b', 'c'], {'nothing', 'b, c'}),
    (lambda i: .5 + i % 2, {'0.5', '1.5'})])
def test_several_labels_and_numbers_are_shown_as_they_are(tiny, label, title):
    files = image_files(tiny)
    labels = [*map(label, range(len(files)))]
    MixUp().show_batch(get_dls(16, 8, presize=24, seed=0, files=files, labels=labels), 8)
    shown = {line[5:] for ax in plt.gcf().axes for line in ax.get_title().splitlines()}
    assert shown == title
    plt.close('all')


def test_what_happens_inside_the_network_is_not_shown(tiny):
    with pytest.raises(RuntimeError, match='there is nothing to show'):
        ManifoldMixUp().show_batch(get_dls(16, 8, tiny, presize=24))


# --- what is refused, and what fastai knows

X, Y, PERM = torch.rand(3, 2), torch.eye(3), torch.tensor([1, 2, 0])

@pytest.mark.parametrize('args,message', [
    ((X, Y[:2], .5, PERM), r'y has the shape \(2, 3\): x and y need a row for each picture'),
    ((X, Y, torch.rand(2), PERM), r'lam has the shape \(2,\): give a number, or 3'),
    ((X, Y, torch.rand(3, 1), PERM), 'lam has the shape'),
    ((X, Y, 'half', PERM), "lam='half': give a number, or a tensor of 3"),
    ((X, Y, None, PERM), 'lam=None'),
    ((X, Y, .5, PERM[:2]), 'perm is 2: it must be 3'),
    ((X, Y, .5, PERM + 1), 'perm has values from 1 to 3: they must be between 0 and 2'),
    ((X, Y, .5, PERM.float()), 'perm has values of type float32: they must be whole numbers'),
    ((X, Y, .5, PERM.tolist()), 'perm is a list'),
    ((X.numpy(), Y, .5, PERM), 'x is a ndarray'),
    ((torch.tensor(1.), Y, .5, PERM), r'x has the shape \(\)'),
])
def test_mixup_says_what_does_not_fit(args, message):
    with pytest.raises((ValueError, TypeError), match=message): mixup(*args)


BOXES = torch.tensor([[0, 0, 2, 2]]).expand(3, 4)
PICTURES = torch.rand(3, 1, 4, 4)

@pytest.mark.parametrize('args,message', [
    ((PICTURES[0], BOXES, PERM), 'x is 1 × 4 × 4: it must be n × channels × height × width'),
    ((PICTURES, BOXES[:2], PERM), 'boxes is 2 × 4: it must be 3 × 4'),
    ((PICTURES, BOXES.float(), PERM), 'boxes has values of type float32'),
    ((PICTURES, BOXES + 3, PERM), r'boxes \(right\) has values from 5 to 5'),
    ((PICTURES, BOXES.flip(1), PERM), 'left and top must not be above right and bottom'),
    ((PICTURES, BOXES, PERM + 1), 'perm has values from 1 to 3'),
])
def test_cutmix_says_what_does_not_fit(args, message):
    with pytest.raises((ValueError, TypeError), match=message): cutmix(*args)


@pytest.mark.parametrize('args,message', [
    ((torch.tensor([.5, 1.5]), 4, 4), 'lam has values from 0.5 to 1.5'),
    ((torch.tensor([math.nan]), 4, 4), 'lam has values from nan'),
    ((.5, 4, 4), 'lam is a float: it must be a tensor'),
    ((torch.rand(2), 0, 4), 'height=0: it must be 1 or more'),
    ((torch.rand(2), 4, 4.), 'width=4.0: it must be a whole number'),
])
def test_boxes_say_what_does_not_fit(args, message):
    with pytest.raises((ValueError, TypeError), match=message): cutmix_boxes(*args)


@pytest.mark.parametrize('args,message', [
    (('a', 3), "y='a': one_hot takes whole numbers"),
    ((np.array(['a']), 3), 'one_hot takes whole numbers'),
    ((torch.tensor([True]), 3), 'labels of type torch.bool'),
    ((torch.tensor([1j]), 3), 'labels of type torch.complex64'),
    ((PERM, 0), 'n_classes=0: it must be 1 or more'),
    ((PERM, -1), 'n_classes=-1'),
    ((PERM, 3.), 'n_classes=3.0: it must be a whole number'),
])
def test_one_hot_says_what_it_cannot_take(args, message):
    with pytest.raises((ValueError, TypeError), match=message): one_hot(*args)


labels = st.integers(-3, 9) | st.floats() | st.booleans() | st.text(max_size=2)

@given(st.lists(labels, max_size=4), st.integers(-1, 9) | st.floats() | st.none())
@settings(max_examples=80, deadline=None)
def test_one_hot_gives_vectors_or_says_why_not(y, n_classes):
    try: vectors = one_hot(y, n_classes)
    except (ValueError, TypeError) as error:
        assert re.search('one_hot takes|n_classes|with . classes', str(error))
    else:
        assert vectors.shape == (len(y), n_classes)
        assert vectors.argmax(-1).tolist() == y
        assert torch.equal(vectors.sum(-1), torch.ones(len(y)))


share = st.floats() | st.lists(st.floats(), max_size=4) | st.none() | st.text(max_size=3)

@given(share, st.lists(st.integers(-2, 4), max_size=4))
@settings(max_examples=120, deadline=None)
def test_mixup_gives_blends_or_says_why_not(lam, perm):
    try: mixed, targets = mixup(X, Y, lam, torch.tensor(perm))
    except (ValueError, TypeError) as error: assert re.search('lam|perm|shares', str(error))
    else:
        assert sorted(perm) == sorted(x % 3 for x in perm) and mixed.shape == X.shape
        assert torch.allclose(targets.sum(1), torch.ones(3))
        assert 0 <= mixed.min() and mixed.max() <= 1


def test_numbers_of_numpy_are_numbers():
    mixer = MixUp(np.float32(.4), until=np.float64(.5))
    assert math.isclose(mixer.alpha, .4, rel_tol=1e-6)
    assert draw_lam(np.float32(.4), np.int64(3)).shape == (3,)
    assert one_hot(np.array([1, 0]), np.int64(2)).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize('scope', ['sample', 'batch'])
def test_a_loss_that_ignores_its_reduction(scope):
    class Ignores(nn.Module):
        reduction = 'mean'
        def forward(self, pred, y): return F.cross_entropy(pred, y)
    learn = linear_learner(Ignores(), cbs=MixUp(scope=scope))
    if scope == 'batch': return learn.fit(1, .1)
    message = "takes no notice of its `reduction`.*: use scope='batch'"
    with pytest.raises(TypeError, match=message): learn.fit(1, .1)


@pytest.mark.parametrize('kind', EVERY_KIND)
def test_fastai_knows_our_mixing_as_its_own(learn, kind):
    loss, mixer, losses = learn.loss_func, kind(), []
    assert isinstance(mixer, MixHandler)
    assert learn.add_cb(mixer)._grab_cbs(MixHandler) == [mixer]
    learn.fit(1, 1e-3, cbs=at('after_pred', lambda self: losses.append(self.loss_func)))
    assert set(losses) == {loss}  # fastai's puts another one in its place


@pytest.mark.parametrize('kind', EVERY_KIND)
def test_fastais_mixing_and_ours_at_once_are_refused(learn, kind):
    with pytest.raises(ValueError, match='two kinds of mixing at once'):
        learn.fit(1, 1e-3, cbs=[FastaiMixUp(), kind()])


@pytest.mark.parametrize('args,message', [
    (dict(mixers={'MixUp': {'alhpa': 1}}), "there is no 'alhpa'; did you mean 'alpha'"),
    (dict(weights=['a', 1]), 'give each one a weight of 0 or more'),
    (dict(weights=[math.nan, 1]), 'give each one a weight of 0 or more'),
    (dict(weights=[math.inf, 1]), 'give each one a weight of 0 or more'),
    (dict(mixers=3), 'mixers: 3 is none'),
])
def test_mixtures_say_what_does_not_fit(args, message):
    with pytest.raises((ValueError, TypeError), match=message): MixOne(**args)
