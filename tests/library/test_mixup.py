import math
import random
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from fastai.callback.mixup import CutMix as FastaiCutMix, MixUp as FastaiMixUp
from fastai.vision.all import (BCEWithLogitsLossFlat, Callback, CancelBatchException, CancelFitException, CancelTrainException, CrossEntropyLossFlat,
                               DataLoader, DataLoaders, LabelSmoothingCrossEntropyFlat, Learner, MSELossFlat, ProgressCallback, Recorder, SGD,
                               accuracy, nn, noop)
from hypothesis import given, settings, strategies as st
from torchvision.transforms import v2

from sotatrain.learner import Bfloat16, make_learner, seeded
from sotatrain.mixup import *
from sotatrain.mixup import _BlendInside
from sotatrain.presize import get_dls
from sotatrain.smoothing import LabelSmoothingCrossEntropy
from tests.networks import Net

EVERY_KIND = [MixUp, CutMix, ManifoldMixUp, MixOne]


# --- one-hot

def test_one_hot():
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]] and one_hot(torch.tensor(1), 2).tolist() == [0, 1]
    assert one_hot(torch.zeros(2, 4, dtype=torch.uint8), 5).shape == (2, 4, 5)


@pytest.mark.parametrize('y,error,message', [
    ([3], ValueError, 'labels from 3 to 3: with 3 classes they go from 0 to 2'), ([-1], ValueError, 'labels from -1'), ([.5], TypeError, 'one_hot wants whole numbers')])
def test_labels_that_are_none(y, error, message):
    with pytest.raises(error, match=message): one_hot(torch.tensor(y), 3)


# --- λ

@given(st.floats(.01, 10), st.integers(1, 50), st.booleans())
@settings(max_examples=50, deadline=None)
def test_lambda_is_a_share(alpha, n, fold):
    lam = draw_lam(alpha, n, fold)
    assert lam.shape == (n,) and ((0 <= lam) & (lam <= 1)).all() and (not fold or (lam >= .5).all())


@pytest.mark.parametrize('alpha', [.1, .4, 1., 4.])
def test_lambda_has_the_moments_of_beta(alpha):
    torch.manual_seed(0)
    lam = draw_lam(alpha, 200_000, fold=False)
    assert lam.mean() == pytest.approx(.5, abs=.005) and lam.var() == pytest.approx(1 / (4*(2*alpha + 1)), rel=.02)


def test_a_tiny_alpha_leaves_nearly_all_pictures_alone():
    lam = draw_lam(.001, 10_000, fold=False)
    assert ((lam < .001) | (lam > .999)).float().mean() > .98 and .45 < (lam > .5).float().mean() < .55


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
    return x, y, torch.rand(n, generator=generator, dtype=torch.float64), torch.randperm(n, generator=generator)


@given(batches())
@settings(max_examples=50, deadline=None)
def test_mixup_is_the_formula(batch):
    x, y, lam, perm = batch
    mixed, targets = mixup(x, y, lam, perm)
    for i in range(len(x)):
        assert torch.allclose(mixed[i], lam[i]*x[i] + (1 - lam[i])*x[perm[i]]) and torch.allclose(targets[i], lam[i]*y[i] + (1 - lam[i])*y[perm[i]])
    assert torch.allclose(targets.sum(1), torch.ones(len(x), dtype=torch.float64))


@given(batches())
@settings(max_examples=20, deadline=None)
def test_the_ends_of_lambda(batch):
    x, y, _, perm = batch
    assert all(map(torch.equal, mixup(x, y, 1., perm), (x, y))) and all(map(torch.equal, mixup(x, y, 0., perm), (x[perm], y[perm])))
    assert all(map(torch.equal, mixup(x, y, torch.ones(len(x)), perm), (x, y)))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_precision_is_kept(dtype):
    x, y = torch.rand(4, 3, 2, 2).to(dtype), torch.eye(4)
    mixed, targets = mixup(x, y, torch.tensor([.3, .5, .7, 1.]), torch.tensor([1, 0, 3, 2]))
    assert mixed.dtype == dtype and targets.dtype == torch.float32
    assert torch.allclose(mixed.float()[0], (.3*x[0].float() + .7*x[1].float()), atol=.01)


def test_what_cannot_be_blended():
    x, perm = torch.rand(2, 3), torch.tensor([1, 0])
    with pytest.raises(TypeError, match=r'y has the type torch.int64, which cannot be blended: use one_hot\(y, n_classes\)'): mixup(x, torch.tensor([0, 1]), .5, perm)
    with pytest.raises(TypeError, match='x has the type torch.uint8'): mixup(x.byte(), x, .5, perm)


def test_mixup_as_torchvision_does():
    class Fixed(v2.MixUp):
        def make_params(self, inputs): return dict(lam=.3)
    x, y = torch.rand(5, 3, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 1])
    theirs = Fixed(num_classes=4)(x, y)
    ours = mixup(x, one_hot(y, 4), .3, torch.arange(5).roll(1))
    assert torch.allclose(ours[0], theirs[0], atol=1e-6) and torch.allclose(ours[1].double(), theirs[1].double(), atol=1e-6)


def test_cutmix_as_torchvision_does():
    class Fixed(v2.CutMix):
        def make_params(self, inputs): return dict(box=(1, 2, 4, 7), lam_adjusted=1 - 3*5/64)
    x, y = torch.rand(5, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 1])
    theirs, their_targets = Fixed(num_classes=4)(x, y)
    perm = torch.arange(5).roll(1)
    ours, lam = cutmix(x, torch.tensor([1, 2, 4, 7]).expand(5, 4), perm)
    assert torch.equal(ours, theirs) and torch.allclose(mixup(x, one_hot(y, 4), lam, perm)[1].double(), their_targets.double(), atol=1e-6)


@pytest.mark.parametrize('kind', ['mixup', 'cutmix'])
def test_mixing_as_timm_does(kind):
    timm = pytest.importorskip('timm.data.mixup')
    x, y = torch.rand(4, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3])
    theirs = timm.Mixup(mixup_alpha=1. if kind == 'mixup' else 0., cutmix_alpha=1. if kind == 'cutmix' else 0., label_smoothing=0., num_classes=4)
    import numpy as np
    np.random.seed(3)
    their_x, their_y = theirs(x.clone(), y)
    np.random.seed(3)
    lam, is_cutmix = theirs._params_per_batch()
    perm = torch.arange(4).flip(0)  # timm's partners: the batch in reverse
    if kind == 'mixup': ours, lam = mixup(x, x, lam, perm)[0], torch.tensor(lam)
    else:
        (top, bottom, left, right), _ = timm.cutmix_bbox_and_lam(x.shape, lam)
        ours, lam = cutmix(x, torch.tensor([left, top, right, bottom]).expand(4, 4), perm)
    assert torch.allclose(ours, their_x, atol=1e-6) and torch.allclose(mixup(x, one_hot(y, 4), lam, perm)[1].double(), their_y.double(), atol=1e-6)


@given(batches(), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_loss_of_a_blend_is_the_blend_of_the_losses(batch, seed):
    x, y, lam, perm = batch
    z = torch.randn(len(x), 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
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
    x = torch.rand(5, 3, 4, 4, dtype=torch.float64)
    assert (mixup(x, x, .3, torch.arange(5).roll(1))[0] - (.3*x + .7*x.roll(1, 0))).abs().max() < 1e-15


@pytest.mark.parametrize('lam', [1.5, -.1, math.nan, torch.tensor([.5, 2.])])
def test_what_is_no_share(lam):
    with pytest.raises(ValueError, match='lam=.*: shares are between 0 and 1'): mixup(torch.rand(2, 3), torch.rand(2, 3), lam, torch.tensor([1, 0]))


@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_cutmix_lambda_is_the_true_share_of_pixels(n, height, width, seed):
    torch.manual_seed(seed)
    own, perm = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 1, height, width), torch.randperm(n)
    boxes = cutmix_boxes(torch.rand(n), height, width)
    mixed, lam = cutmix(own, boxes, perm)
    for i in range(n):
        if perm[i] != i: assert lam[i].item() == pytest.approx((mixed[i] == i).float().mean().item(), abs=1e-6)
        assert ((mixed[i] == i) | (mixed[i] == perm[i])).all()


def test_boxes_have_the_area_of_the_paper():
    torch.manual_seed(0)
    lam = torch.rand(2000)
    boxes = cutmix_boxes(lam, 100, 200)
    inside = (boxes[:, :2] > 0).all(1) & (boxes[:, 2] < 200) & (boxes[:, 3] < 100)  # nothing was cut off
    area = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))[inside] / 20_000
    assert inside.sum() > 100 and torch.allclose(area, 1 - lam[inside], atol=.02)


# --- the callbacks

@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch): monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.getbasetemp()/'mixup-cache'))


def numbers(y, n=12, bs=4, width=6):
    "Data that are no pictures: `y` makes the targets."
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, width, generator=generator)
    targets = y(torch.randint(3, (n,), generator=generator))
    return DataLoaders(*[DataLoader(list(zip(x, targets)), bs=bs)]*2)

def quiet(learn):
    learn.remove_cb(ProgressCallback)
    learn.logger = noop
    return learn

def linear_learner(loss, y=noop, n_out=3, cbs=None, bs=4, **kwargs):
    torch.manual_seed(0)
    return quiet(Learner(numbers(y, bs=bs), nn.Linear(6, n_out), loss_func=loss, opt_func=SGD, cbs=cbs, **kwargs))

@pytest.fixture
def learn(tiny): return quiet(make_learner(get_dls(16, 8, tiny, presize=24, seed=0), Net, seed=0))


class See(Callback):
    "What the network is given, and what the loss is."
    run_valid, order = False, 10
    def __init__(self): self.x, self.losses, self.metrics_y, self.pred, self.sizes = [], [], [], [], []
    def before_batch(self): self.x.append(self.xb[0].clone())
    def after_loss(self):
        self.losses.append(self.loss.detach().clone())
        self.pred.append(self.learn.pred.detach().clone())
        self.metrics_y.append(self.yb[0].clone())


WEIGHT = torch.tensor([1., 20., 3.])
LOSSES = [
    (F.cross_entropy, {}), (nn.CrossEntropyLoss(), {}), (CrossEntropyLossFlat(), {}), (nn.CrossEntropyLoss(label_smoothing=.1), dict(label_smoothing=.1)),
    (LabelSmoothingCrossEntropyFlat(), dict(label_smoothing=.1)), (nn.CrossEntropyLoss(reduction='sum'), dict(reduction='sum')),
    (partial(F.cross_entropy, reduction='sum'), dict(reduction='sum')), (nn.CrossEntropyLoss(WEIGHT), dict(weight=WEIGHT)),
    (CrossEntropyLossFlat(weight=WEIGHT), dict(weight=WEIGHT)), (partial(F.cross_entropy, weight=WEIGHT), dict(weight=WEIGHT)),
    (LabelSmoothingCrossEntropy(.1, WEIGHT), dict(weight=WEIGHT, label_smoothing=.1))]

@pytest.mark.parametrize('scope', ['sample', 'batch'])
@pytest.mark.parametrize('loss,settings', LOSSES, ids=lambda x: str(x) if isinstance(x, dict) else type(x).__name__)
def test_the_loss_is_the_blend_of_both_labels_losses_at_its_usual_scale(loss, settings, scope):
    mix, checked = MixUp(.8, scope), []
    class Check(Callback):
        run_valid, order = False, 20
        def after_loss(self):
            lam, y, partner = mix.pair
            def each(target): return F.cross_entropy(self.pred, target, **settings | dict(reduction='none'))
            n = 1 if settings.get('reduction') == 'sum' else settings['weight'][y].sum() if 'weight' in settings else len(y)
            expected = (lam*each(y) + (1 - lam)*each(partner)).sum() / n
            assert torch.allclose(self.learn.loss, expected, atol=1e-5) and torch.allclose(self.learn.loss_grad, expected, atol=1e-5)
            if 'weight' not in settings:  # the loss of the blended target, too
                target = lam[:, None]*one_hot(y, 3) + (1 - lam)[:, None]*one_hot(partner, 3)
                assert torch.allclose(expected, F.cross_entropy(self.pred, target, **settings), atol=1e-5)
            checked.append(True)
    linear_learner(loss, cbs=[mix, Check()]).fit(1, .1)
    assert checked == [True]*3


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_a_label_for_each_pixel(reduction):
    x, y = torch.rand(8, 3, 5, 5), torch.randint(3, (8, 5, 5))
    mix, checked = MixUp(.8), []
    class Check(Callback):
        run_valid, order = False, 20
        def after_loss(self):
            lam, own, partner = mix.pair
            each = sum(share[:, None, None]*F.cross_entropy(self.pred, target, reduction='none') for share, target in ((lam, own), (1 - lam, partner)))
            checked.append(torch.allclose(self.loss, getattr(each, reduction)(), rtol=1e-4))
            assert torch.equal(self.y, own)
    quiet(Learner(DataLoaders(*[DataLoader(list(zip(x, y)), bs=4)]*2), nn.Conv2d(3, 3, 1), loss_func=nn.CrossEntropyLoss(reduction=reduction), cbs=[mix, Check()])).fit(1, .1)
    assert checked == [True]*2


class Pooled(nn.Module):
    "Pictures in, `n_out` numbers out."
    def __init__(self, n_out):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, n_out)
    def forward(self, x): return self.head(self.conv(x).mean((2, 3)))

@pytest.mark.parametrize('scope', ['sample', 'batch'])
@pytest.mark.parametrize('kind', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('targets,loss,n_out', [
    (lambda c: one_hot(c, 3), nn.CrossEntropyLoss(), 3), (lambda c: one_hot(c, 3) + one_hot((c + 1) % 3, 3), BCEWithLogitsLossFlat(), 3),
    (lambda c: c.float()[:, None], MSELossFlat(), 1)], ids=['one-hot', 'several labels', 'regression'])
def test_targets_that_can_be_blended(targets, loss, n_out, kind, scope):
    x, y = torch.rand(12, 3, 8, 8), targets(torch.arange(12) % 3)
    mix, seen = kind(scope=scope), []
    class Check(Callback):
        run_valid, order = False, 5
        def before_batch(self):
            lam, own, partner = mix.pair
            self.blended = lam[:, None]*own + (1 - lam)[:, None]*partner
            seen.append(torch.allclose(self.y, self.blended))
        def after_loss(self):
            lam, own, partner = mix.pair
            seen.append(torch.allclose(self.loss, loss(self.pred, self.blended)))
            seen.append(torch.equal(self.y, torch.where(lam[:, None] >= .5, own, partner)))  # for metrics
    quiet(Learner(DataLoaders(*[DataLoader(list(zip(x, y)), bs=4)]*2), Pooled(n_out), loss_func=loss, opt_func=SGD, cbs=[mix, Check()])).fit(1, .1)
    assert seen == [True]*9


@pytest.mark.parametrize('kind', EVERY_KIND)
def test_pictures_and_labels_have_the_same_partners(tiny, kind):
    "Every pixel of a picture is its class: the blend of the pixels must be the blend of the labels."
    class Dataset(list): pass
    y = torch.tensor([0, 1, 2, 3]*3)
    x = one_hot(y, 4)[:, :, None, None].expand(12, 4, 8, 8).clone()
    dls = DataLoaders(*[DataLoader(list(zip(x, y)), bs=4)]*2)
    model = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4, bias=False))
    with torch.no_grad(): model[0].weight.copy_(torch.eye(4)[:, :, None, None]); model[3].weight.copy_(torch.eye(4))
    mixer, checked = kind(), []
    class Check(Callback):
        run_valid, order = False, 20
        def after_loss(self):
            lam, own, partner = mixer.pair
            checked.append(torch.allclose(self.pred, lam[:, None]*one_hot(own, 4) + (1 - lam)[:, None]*one_hot(partner, 4), atol=1e-5))
    quiet(Learner(dls, model, loss_func=nn.CrossEntropyLoss(), cbs=[mixer, Check()])).fit(4, 0.)
    assert checked == [True]*12


def test_the_same_loss_as_fastai(tiny):
    "Given fastai's λ and partners."
    theirs, ours, losses = FastaiMixUp(.4), MixUp(.4), {}
    for name, mixer in (('theirs', theirs), ('ours', ours)):
        learn = quiet(make_learner(get_dls(16, 8, tiny, presize=24, seed=0), Net, seed=0, bf16=False))
        see = See()
        if name == 'theirs':
            mixer.distrib = type('Fixed', (), {'sample': lambda self, shape: torch.linspace(.1, .9, shape[0])})()
        else:
            mixer.draw = lambda xb: (lambda lam, perm: (*mixer.mix(xb, lam, perm), perm))((lambda l: torch.maximum(l, 1 - l))(torch.linspace(.1, .9, len(xb[0]))), torch.randperm(len(xb[0])))
        learn.add_cbs([mixer, see])
        with seeded(5): learn.fit(1, 1e-2)
        losses[name] = torch.stack(see.losses)
    assert torch.allclose(losses['ours'], losses['theirs'], atol=1e-6)


@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('bs', [1, 3])
def test_single_and_odd_batches(kind, bs):
    x, y = torch.rand(3, 3, 8, 8), torch.tensor([0, 1, 2])
    dls = DataLoaders(*[DataLoader(list(zip(x, y)), bs=bs)]*2)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    learn = quiet(Learner(dls, model, loss_func=nn.CrossEntropyLoss(), cbs=kind()))
    learn.fit(2, .1)
    assert math.isfinite(learn.recorder.values[-1][0])


def test_a_batch_of_one_is_left_alone():
    mix, see = MixUp(), See()
    learn = linear_learner(F.cross_entropy, cbs=[mix, see], bs=1)
    learn.fit(1, 0.)
    for x, (expected, y), loss in zip(see.x, learn.dls.train, see.losses):
        assert torch.allclose(x, expected) and torch.allclose(loss, F.cross_entropy(learn.model(expected), y))


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
@pytest.mark.parametrize('until,batches', [(0., 0), (.3, 3), (.5, 5), (1., 10)])
def test_until(learn, kind, until, batches):
    mixer, mixed = kind(until=until), []
    class Mixed(Callback):
        run_valid, order = False, 20
        def before_batch(self): mixed.append(mixer.pair is not None)
    learn.fit(2, 1e-3, cbs=[mixer, Mixed()])
    assert mixed == [True]*batches + [False]*(10 - batches)


ENDS = [None, KeyboardInterrupt, RuntimeError, CancelFitException, CancelTrainException, CancelBatchException]

@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('event', ['before_batch', 'after_pred', 'after_loss', 'before_step', 'after_step'])
@pytest.mark.parametrize('error', ENDS)
def test_the_learner_is_as_before_however_a_fit_ends(learn, kind, event, error):
    loss, cbs, metrics, forward = learn.loss_func, [*learn.cbs], [*learn.metrics], vars(learn.model).get('forward')
    class Fail(Callback):
        run_valid, order = False, 30
    def fail(self):
        if error and self.iter == 2: raise error('stop')
    setattr(Fail, event, fail)
    def fit(): learn.fit(1, 1e-3, cbs=[kind(), Fail()])
    if error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error): fit()
    else: fit()
    assert learn.loss_func is loss and loss.reduction == 'mean' and [*learn.cbs] == cbs and [*learn.metrics] == metrics
    assert not any(module._forward_hooks for module in learn.model.modules())
    if error is not KeyboardInterrupt and error is not RuntimeError: assert vars(learn.model).get('forward') is forward


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


def test_a_blend_prepared_for_an_interrupted_batch_does_not_reach_another_training(tiny):
    losses = []
    for interrupted in (False, True):
        see, learn = See(), quiet(make_learner(get_dls(16, 8, tiny, presize=24, seed=0), Net, seed=0))
        class Stop(Callback):
            run_valid, order = False, 20
            def before_batch(self): raise KeyboardInterrupt
        if interrupted:
            with pytest.raises(KeyboardInterrupt): learn.fit(1, 1e-3, cbs=[ManifoldMixUp(layers=['1']), Stop()])
            assert isinstance(vars(learn.model)['forward'], _BlendInside)
        learn.dls = get_dls(16, 8, tiny, presize=24, seed=0)
        with seeded(1): learn.fit(1, 1e-3, cbs=see)
        losses.append(torch.stack(see.losses))
        assert not isinstance(vars(learn.model).get('forward'), _BlendInside)
    assert torch.equal(*losses)


@pytest.mark.parametrize('mixers', [[MixUp, CutMix], [MixUp, ManifoldMixUp], [MixOne, MixUp]])
def test_two_kinds_of_mixing_at_once_are_refused(learn, mixers):
    with pytest.raises(ValueError, match='two kinds of mixing at once.*MixOne'): learn.fit(1, 1e-3, cbs=[kind() for kind in mixers])


def test_an_interruption_inside_the_network_leaves_nothing(learn):
    mixer = ManifoldMixUp(layers=['5'])
    stop = learn.model[3].register_forward_hook(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    learn.add_cb(mixer)
    with pytest.raises(KeyboardInterrupt): learn.fit(1, 1e-3)
    stop.remove()
    assert not any(module._forward_hooks for module in learn.model.modules())
    assert not isinstance(vars(learn.model).get('forward'), _BlendInside)


@pytest.mark.parametrize('mixer', [ManifoldMixUp(layers=['1']), MixOne([ManifoldMixUp(layers=['1']), MixUp()], weights=[1, 0])], ids=['alone', 'one of'])
def test_an_interruption_just_before_the_network(learn, mixer):
    "The blend that was prepared is neither left for a prediction nor for another batch."
    class Stop(Callback):
        run_valid, order = False, 20
        def before_batch(self): raise KeyboardInterrupt
    learn.add_cb(mixer)
    def interrupted():
        with pytest.raises(KeyboardInterrupt): learn.fit(1, 1e-3, cbs=Stop())
        assert isinstance(vars(learn.model)['forward'], _BlendInside)
    interrupted()
    x = learn.dls.valid.one_batch()[0]
    with torch.no_grad(): a, b = learn.model.eval()(x), learn.model(x)
    assert torch.equal(a, b) and not isinstance(vars(learn.model).get('forward'), _BlendInside)
    interrupted()
    mixer.forget()
    assert not isinstance(vars(learn.model).get('forward'), _BlendInside)
    interrupted()
    learn.fit(1, 1e-3)
    assert not isinstance(vars(learn.model).get('forward'), _BlendInside)


def test_a_layer_that_does_not_run():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(6, 3), nn.Linear(6, 3)
        def forward(self, x): return self.used(x)
    learn = quiet(Learner(numbers(noop), Lazy(), loss_func=F.cross_entropy, cbs=ManifoldMixUp(layers=['unused'])))
    with pytest.raises(ValueError, match="layers: 'unused' did not run, so nothing was blended"): learn.fit(1, .1)


def test_a_layer_that_runs_twice_is_blended_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.same, self.head = nn.Identity(), nn.Linear(3, 3)
        def forward(self, x): return self.same(self.same(x))
    y = torch.tensor([0, 1, 2])
    mixer, checked = ManifoldMixUp(layers=['same']), []
    class Check(Callback):
        run_valid, order = False, 20
        def after_pred(self):
            lam, own, partner = mixer.pair
            checked.append(torch.allclose(self.pred, lam[:, None]*one_hot(own, 3) + (1 - lam)[:, None]*one_hot(partner, 3)))
    data = DataLoaders(*[DataLoader(list(zip(one_hot(y, 3).requires_grad_(), y)), bs=3)]*2)
    quiet(Learner(data, Twice(), loss_func=F.cross_entropy, cbs=[mixer, Check()])).fit(3, 0.)
    assert checked == [True]*3


def test_a_loss_without_reduction():
    def mean_error(pred, y): return F.cross_entropy(pred, y)
    with pytest.raises(TypeError, match="has no `reduction`, so it cannot give a loss for each picture: use scope='batch'"):
        linear_learner(mean_error, cbs=MixUp()).fit(1, .1)
    linear_learner(mean_error, cbs=MixUp(scope='batch')).fit(1, .1)


def test_two_targets_are_refused():
    x = torch.rand(8, 6)
    learn = quiet(Learner(DataLoaders(*[DataLoader(list(zip(x, x, x)), bs=4)]*2, ), nn.Linear(6, 6), loss_func=lambda p, a, b: p.mean(), cbs=MixUp()))
    learn.dls.train.n_inp = 1
    with pytest.raises(TypeError, match='2 targets for each picture'): learn.fit(1, .1)


@pytest.mark.parametrize('kind', EVERY_KIND)
@pytest.mark.parametrize('error', [None, KeyboardInterrupt])
def test_inside_lr_find(learn, kind, error):
    loss, mixer, mixed = learn.loss_func, kind(), []
    class Note(Callback):
        run_valid, order = False, 20
        def after_loss(self):
            mixed.append(mixer.pair is not None)
            if error and len(mixed) == 3: raise error
    learn.add_cbs([mixer, Note()])
    if error:
        with pytest.raises(error): learn.lr_find(num_it=6, show_plot=False)
    else: learn.lr_find(num_it=6, show_plot=False)
    assert learn.loss_func is loss and loss.reduction == 'mean' and all(mixed) and len(mixed) >= 3


def test_training_metrics_tell_of_the_larger_part():
    "A network that always names the larger part is right, whatever λ is."
    class Larger(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
        def forward(self, x): return self.scale * x.mean((2, 3))
    y = torch.tensor([0, 1, 2, 3]*4)
    x = one_hot(y, 4)[:, :, None, None].expand(16, 4, 8, 8).clone()
    for mixer in (MixUp(1.), CutMix()):
        torch.manual_seed(0)  # a box of exactly half of a picture has no larger part
        learn = quiet(Learner(DataLoaders(*[DataLoader(list(zip(x, y)), bs=8)]*2), Larger(), loss_func=nn.CrossEntropyLoss(), metrics=accuracy, cbs=mixer))
        learn.recorder.train_metrics = True
        learn.fit(3, 0.)
        column = learn.recorder.metric_names.index('train_accuracy') - 1
        assert [row[column] for row in learn.recorder.values] == [1., 1., 1.]


def test_with_gradients_in_parts_and_clipping(learn):
    from fastai.vision.all import GradientAccumulation, GradientClip
    learn.add_cbs([MixUp(), GradientAccumulation(16), GradientClip(.1)])
    learn.fit(1, 1e-3)


@pytest.mark.parametrize('kind', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('args,message', [
    (dict(alpha=0), 'alpha=0'), (dict(alpha=-1), 'alpha=-1'), (dict(alpha='x'), "alpha='x': it must be a number"), (dict(alpha=math.nan), 'alpha=nan'),
    (dict(scope='image'), "scope='image': choose one of sample, batch"), (dict(until=2), 'until=2: it must be between 0 and 1')])
def test_bad_parameters(kind, args, message):
    with pytest.raises((ValueError, TypeError), match=message): kind(**args)


def test_bad_layers(learn):
    with pytest.raises(ValueError, match="the model has no layer '99'; choose names from"): learn.fit(1, cbs=ManifoldMixUp(layers=['99']))
    with pytest.raises(ValueError, match='there is none to choose from'): learn.fit(1, cbs=ManifoldMixUp(layers=[]))


@pytest.mark.parametrize('layers', [3, '1'])
def test_layers_are_a_list(layers):
    with pytest.raises(TypeError, match=f'layers={layers!r}: give a list of names'): ManifoldMixUp(layers=layers)


def test_a_wrapper_is_looked_into():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
        def forward(self, x): return self.net(x)
    mixer = ManifoldMixUp()
    quiet(Learner(numbers(noop), Wrapper(), loss_func=F.cross_entropy, cbs=mixer)).fit(1, .1)
    assert mixer.candidates == ['', 'net.0']


def test_a_single_layer_has_no_inside():
    with pytest.raises(ValueError, match='there is none to choose from'): linear_learner(F.cross_entropy, cbs=ManifoldMixUp()).fit(1, .1)


def test_an_output_that_is_no_tensor():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(6, 4), nn.Linear(4, 3)
        def forward(self, x): return self.head(self.lstm(x)[0])
    learn = quiet(Learner(numbers(noop), Recurrent(), loss_func=F.cross_entropy, cbs=ManifoldMixUp(layers=['lstm'])))
    with pytest.raises(TypeError, match='the output of lstm is a tuple, which cannot be blended'): learn.fit(1, .1)


def test_layers_that_are_chosen(learn):
    "The input, and all children with weights but the last one."
    mixer = ManifoldMixUp()
    learn.fit(1, 1e-3, cbs=mixer)
    assert mixer.candidates == ['', '0', '1']


def test_cutmix_needs_pictures():
    with pytest.raises(TypeError, match='CutMix needs batches of pictures'): linear_learner(F.cross_entropy, cbs=CutMix()).fit(1)


@pytest.mark.parametrize('args,message', [
    (dict(mixers=[]), 'no mixers'), (dict(mixers={'Mixup': {}}), "there is no 'Mixup'; choose from MixUp, CutMix, ManifoldMixUp"),
    (dict(mixers=[MixUp]), 'give callbacks such as'), (dict(mixers=['MixUp']), "mixers: 'MixUp' is none"),
    (dict(weights=[1]), 'for 2 mixers'), (dict(weights=[0, 0]), 'not 0 to all'), (dict(weights=[-1, 2]), r'weights=\[-1, 2\]')])
def test_bad_mixtures(args, message):
    with pytest.raises((ValueError, TypeError), match=message): MixOne(**args)


def test_a_mixture_of_mixtures(learn):
    learn.fit(1, 1e-3, cbs=MixOne([MixOne([MixUp(scope='batch')]), ManifoldMixUp()]))
    assert math.isfinite(learn.recorder.values[-1][0])


def test_one_of_several_is_chosen_by_weight(learn):
    mixer, chosen = MixOne([MixUp(), CutMix(), ManifoldMixUp()], weights=[1, 0, 3]), []
    class Note(Callback):
        run_valid, order = False, 20
        def before_batch(self): chosen.append(type(mixer.chosen).__name__)
    random.seed(0)
    learn.fit(20, 1e-3, cbs=[mixer, Note()])
    assert set(chosen) == {'MixUp', 'ManifoldMixUp'} and .6 < chosen.count('ManifoldMixUp')/len(chosen) < .9


@pytest.mark.parametrize('kind', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(kind, dtype):
    x, y = torch.rand(8, 3, 8, 8).to(dtype), torch.tensor([0, 1, 2, 1]*2)
    mixer, checked = kind(), []
    class Check(Callback):
        run_valid, order = False, 20
        def after_loss(self):
            lam, own, partner = mixer.pair
            assert self.pred.dtype == dtype and lam.dtype == torch.float32
            target = lam[:, None]*one_hot(own, 3) + (1 - lam)[:, None]*one_hot(partner, 3)
            checked.append(self.loss.item() == pytest.approx(F.cross_entropy(self.pred.float(), target).item(), rel=.02))
    learn = quiet(Learner(DataLoaders(*[DataLoader(list(zip(x, y)), bs=4)]*2), Pooled(3).to(dtype), loss_func=nn.CrossEntropyLoss(), opt_func=SGD, cbs=[mixer, Check()]))
    learn.fit(1, .1)
    assert checked == [True]*2


def test_autocast(learn):
    Bfloat16().attach(learn.model)
    forward = vars(learn.model)['forward']
    learn.fit(1, 1e-3, cbs=ManifoldMixUp(layers=['1']))
    assert vars(learn.model)['forward'] is forward and math.isfinite(learn.recorder.values[-1][0])


# --- what the network sees

@pytest.mark.parametrize('kind', [MixUp, CutMix, MixOne])
def test_a_batch_is_shown_with_both_labels(tiny, kind):
    import matplotlib.pyplot as plt
    dls, same = (get_dls(16, 8, tiny, presize=24, seed=0) for _ in range(2))
    y = same.train.one_batch()[1].tolist()
    mixer, draw = kind(), kind.draw
    def keep(xb):
        keep.drawn = draw(mixer, xb)
        return keep.drawn
    mixer.draw = keep
    mixer.show_batch(dls, 3)
    _, lam, perm = keep.drawn
    expected = [f'{l:.2f} {dls.vocab[y[i]]}\n{1 - l:.2f} {dls.vocab[y[p]]}' for i, (l, p) in enumerate(zip(lam.tolist(), perm.tolist()))]
    assert [ax.get_title() for ax in plt.gcf().axes] == expected[:3]
    plt.close('all')


def test_what_happens_inside_the_network_is_not_shown(tiny):
    with pytest.raises(RuntimeError, match='there is nothing to show'): ManifoldMixUp().show_batch(get_dls(16, 8, tiny, presize=24))
