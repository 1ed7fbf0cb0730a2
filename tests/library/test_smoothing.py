import math
import re
from importlib import import_module

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai import losses
from fastai.vision.all import Callback, ProgressCallback, load_learner, noop
from hypothesis import given, settings
from hypothesis import strategies as st

from sotatrain.learner import make_learner
from sotatrain.mixup import CutMix, ManifoldMixUp, MixOne, MixUp, one_hot
from sotatrain.presize import get_dls
from sotatrain.smoothing import *
from sotatrain.tta import tta
from tests.networks import Net

WEIGHT = torch.tensor([.5, 1., 2., 0., 3.])

@pytest.fixture
def batch():
    "Logits, classes, and distributions."
    torch.manual_seed(0)
    z = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    return z, torch.randint(5, (7,)), torch.rand(7, 5, dtype=torch.float64).softmax(1)


# --- targets

def test_the_target_of_class_three_of_ten():
    expected = torch.tensor([[.01]*3 + [.91] + [.01]*6])
    assert torch.allclose(smooth_labels(torch.tensor([3]), 10), expected)

@given(st.integers(2, 20), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_targets_sum_to_one_and_keep_the_order(n_classes, eps, n):
    y = torch.arange(n) % n_classes
    q = smooth_labels(y, n_classes, eps)
    assert q.shape == (n, n_classes) and torch.allclose(q.sum(1), torch.ones(n))
    if eps < .99: assert torch.equal(q.argmax(1), y)

def test_the_ends_of_epsilon():
    y = torch.tensor([0, 2])
    assert torch.equal(smooth_labels(y, 3, 0.), one_hot(y, 3))
    assert torch.allclose(smooth_labels(y, 3, 1.), torch.full((2, 3), 1/3))

def test_distributions_are_smoothed_too():
    q = torch.tensor([[.7, .3, 0.]])
    assert torch.allclose(smooth_labels(q, 3, .3), torch.tensor([[.59, .31, .1]]))


# --- the loss

@pytest.mark.parametrize('weight', [None, WEIGHT.double()], ids=['', 'weights'])
@pytest.mark.parametrize('reduction', ['mean', 'sum', 'none'])
@pytest.mark.parametrize('soft', [False, True], ids=['classes', 'soft'])
@pytest.mark.parametrize('eps', [0., .1, .5, 1.])
def test_equal_to_pytorchs(batch, eps, soft, reduction, weight):
    z, y, q = batch
    target = q if soft else y
    ours = LabelSmoothingCrossEntropy(eps, weight, reduction)(z, target)
    theirs = F.cross_entropy(z, target, weight, reduction=reduction, label_smoothing=eps)
    assert ours.shape == theirs.shape and torch.allclose(ours, theirs, atol=1e-6)
    mine, = torch.autograd.grad(ours.sum(), z)
    expected, = torch.autograd.grad(theirs.sum(), z)
    assert torch.allclose(mine, expected, atol=1e-6)

def test_the_gradient_against_differences(batch):
    z, y, _ = batch
    loss = LabelSmoothingCrossEntropy(.2, WEIGHT)
    assert torch.autograd.gradcheck(lambda z: loss(z.double(), y), z)

def test_the_gradient_is_output_minus_target(batch):
    z, y, _ = batch
    grad, = torch.autograd.grad(LabelSmoothingCrossEntropy(.1, reduction='sum')(z, y), z)
    assert torch.allclose(grad, z.softmax(1) - smooth_labels(y, 5, .1))

def test_zero_is_plain_cross_entropy_and_one_is_uniform(batch):
    z, y, _ = batch
    assert torch.allclose(LabelSmoothingCrossEntropy(0.)(z, y), F.cross_entropy(z, y))
    uniform = LabelSmoothingCrossEntropy(1.)
    a, b = uniform(z, y), uniform(z, (y + 1) % 5)
    assert torch.allclose(a, b) and torch.allclose(a, -z.log_softmax(1).mean())

def test_two_cross_entropies_in_one(batch):
    z, y, _ = batch
    uniform = torch.full((7, 5), .2, dtype=torch.float64)
    expected = .8*F.cross_entropy(z, y) + .2*F.cross_entropy(z, uniform)
    assert torch.allclose(LabelSmoothingCrossEntropy(.2)(z, y), expected)

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    z, y = torch.randn(4, 5).to(dtype), torch.tensor([0, 1, 2, 3])
    loss = LabelSmoothingCrossEntropy()
    half, full = loss(z, y), loss(z.float(), y)
    assert half.dtype == dtype and half.item() == pytest.approx(full.item(), rel=.02)

@pytest.mark.parametrize('args,message', [
    (dict(eps=-.1), 'eps=-0.1: it must be between 0 and 1'),
    (dict(eps=1.1), 'eps=1.1'),
    (dict(eps='x'), "eps='x': it must be a number"),
    (dict(eps=math.nan), 'eps=nan'),
    (dict(reduction='avg'), "reduction='avg': choose one of mean, sum, none")])
def test_bad_parameters(args, message):
    with pytest.raises((ValueError, TypeError), match=message):
        LabelSmoothingCrossEntropy(**args)

@pytest.mark.parametrize('output,target', [
    ((2, 5), torch.rand(2, 3)),
    ((3, 5), torch.tensor([0, 1])),
    ((8, 5), torch.tensor([1])),
    ((2, 5), torch.tensor([[0], [1]])),
    ((2, 5, 5), torch.zeros(2, 5).long())])
def test_targets_that_do_not_fit(output, target):
    message = 'give n × classes, and n classes or n × classes shares'
    with pytest.raises(ValueError, match=message):
        LabelSmoothingCrossEntropy()(torch.randn(output), target)

def test_weights_that_do_not_fit():
    loss = LabelSmoothingCrossEntropy(weight=WEIGHT)
    with pytest.raises(ValueError, match='weight has 5 numbers for 4 classes'):
        loss(torch.randn(2, 4), torch.tensor([0, 1]))

def test_smoothed_labels_that_do_not_fit():
    with pytest.raises(ValueError, match='targets for 3 classes, and n_classes=5'):
        smooth_labels(torch.rand(2, 3), 5)
    with pytest.raises(ValueError, match='with 5 classes they go from 0 to 4'):
        smooth_labels(torch.tensor([7]), 5)

@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32])
def test_small_whole_numbers_are_classes_too(batch, dtype):
    z, y, _ = batch
    z, y = z[:5], y[:5]  # as many pictures as classes: a mask would have this length
    expected = F.cross_entropy(z, y, WEIGHT.double(), label_smoothing=.1)
    ours = LabelSmoothingCrossEntropy(.1, WEIGHT)(z, y.to(dtype))
    assert torch.allclose(ours, expected)

def test_an_impossible_class_costs_nothing_without_smoothing():
    z = torch.tensor([[1., 0., -math.inf]])
    y = torch.tensor([1])
    assert torch.allclose(LabelSmoothingCrossEntropy(0.)(z, y), F.cross_entropy(z, y))

def test_double_precision_is_kept(batch):
    z, y, q = batch
    for target in (y, q):
        expected = F.cross_entropy(z, target, label_smoothing=.1)
        assert torch.allclose(LabelSmoothingCrossEntropy(.1)(z, target), expected, atol=1e-14)


# --- in a learner

@pytest.fixture
def learn(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    dls = get_dls(16, 8, tiny, presize=24, seed=0)
    learn = make_learner(dls, Net, LabelSmoothingCrossEntropy(weight=[1.]*10), seed=0)
    learn.remove_cb(ProgressCallback)
    learn.logger = noop
    return learn

def test_it_trains_and_predicts(learn, tmp_path):
    learn.add_cb(MixOne([MixUp(), ManifoldMixUp()]))
    learn.fit(1, 1e-3)
    p, y = learn.get_preds()
    assert torch.allclose(p.sum(1), torch.ones(20))
    assert torch.allclose(tta(learn, n=0)[0], p, atol=1e-5)
    assert learn.predict(learn.dls.valid.items[0])[0] in learn.dls.vocab
    learn.export(tmp_path/'model.pkl')
    loaded = load_learner(tmp_path/'model.pkl')
    dl = loaded.dls.test_dl(learn.dls.valid.items)
    with loaded.no_bar(): again = loaded.get_preds(dl=dl)[0]
    assert torch.allclose(again, p, atol=1e-5)


@pytest.mark.parametrize('mixer', [MixUp, CutMix, ManifoldMixUp])
@pytest.mark.parametrize('scope', ['sample', 'batch'])
def test_it_composes_with_mixing(learn, mixer, scope):
    mix, checked = mixer(scope=scope), []
    learn.loss_func = LabelSmoothingCrossEntropy(.2)
    class Check(Callback):
        run_valid, order = False, 20
        def after_loss(self):
            lam, y, partner = mix.pair
            target = lam[:, None]*one_hot(y, 10) + (1 - lam)[:, None]*one_hot(partner, 10)
            expected = F.cross_entropy(self.pred, target, label_smoothing=.2)
            checked.append(torch.allclose(self.loss, expected, atol=1e-5))
    learn.fit(1, 1e-3, cbs=[mix, Check()])
    assert checked == [True]*5


# --- what is refused, and what fastai knows

@pytest.mark.parametrize('args,message', [
    ((torch.tensor([[.5, .9]]), 2), 'y: a row sums to 1.4: each must sum to 1'),
    ((torch.tensor([[4., -3]]), 2), 'these look like logits'),
    ((torch.tensor([[math.nan, 1]]), 2), 'NaN or infinite'),
    ((torch.tensor([.5, .5]), 2), 'y is 2: it must be n × classes'),
    ((np.array([0, 1]), 2), 'y is a NumPy array'),
    ((torch.tensor([True]), 2), 'y has values of type bool'),
    ((torch.tensor([0]), 2.), 'n_classes=2.0: it must be a whole number'),
    ((torch.tensor([0]), 2, math.nan), 'eps=nan'),
])
def test_what_cannot_be_smoothed(args, message):
    with pytest.raises((ValueError, TypeError), match=message): smooth_labels(*args)

@given(st.integers(-1, 6), st.floats(), st.booleans(), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_smoothed_targets_are_distributions_or_a_refusal(n_classes, eps, soft, seed):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(-1, 6, (3,), generator=generator)
    if soft: y = torch.rand(3, 4, generator=generator).softmax(-1)
    try: q = smooth_labels(y, n_classes, eps)
    except (ValueError, TypeError) as error:
        assert re.search('eps|n_classes|classes they go|y has', str(error))
    else:
        assert q.shape == (3, n_classes) and torch.allclose(q.sum(1), torch.ones(3))
        assert (q >= 0).all()

@pytest.mark.parametrize('weight', [
    'a', [1., 'b'], [[1.], [2., 3.]], [-1., 2.], [math.nan, 1.]])
def test_weights_that_are_none(weight):
    with pytest.raises((ValueError, TypeError), match='weight'):
        LabelSmoothingCrossEntropy(weight=weight)

@pytest.mark.parametrize('output,target,message', [
    (torch.randn(2, 5), torch.tensor([0, 5]), 'target has values from 0 to 5: they must be'),
    (torch.randn(2, 5), torch.tensor([-100, 1]), 'they must be between 0 and 4'),
    (torch.randn(2, 5), torch.tensor([True, False]), 'target has values of type bool'),
    (torch.randn(2, 5), np.array([0, 1]), 'target is a NumPy array'),
    (np.ones((2, 5)), torch.tensor([0, 1]), 'output is a NumPy array'),
    (torch.ones(2, 5).long(), torch.tensor([0, 1]), 'output has values of type int64'),
])
def test_outputs_and_targets_that_are_none(output, target, message):
    with pytest.raises((ValueError, TypeError), match=message):
        LabelSmoothingCrossEntropy()(output, target)

def test_fastai_knows_the_loss_as_its_own():
    assert isinstance(LabelSmoothingCrossEntropy(), losses.LabelSmoothingCrossEntropy)
    assert LabelSmoothingCrossEntropy(np.float32(.1)).eps == pytest.approx(.1)


# --- beside fastai's names

def test_it_is_said_which_names_fastais_imports_replace():
    ours, theirs = import_module('sotatrain.all'), import_module('fastai.vision.all')
    here = {name for name in vars(ours) if not name.startswith('_')}
    replaced = {name for name in here & set(vars(theirs))
                if getattr(getattr(ours, name), '__module__', '').startswith('sotatrain.')}
    replaced = {name for name in replaced if getattr(ours, name) is not getattr(theirs, name)}
    assert replaced == set(re.findall(r'`(\w+)`', ours.__doc__))


@pytest.mark.parametrize('row', [[1, 1, 0.], [0, 0, 0.], [.5, .2, .1], [1, float('nan'), 0]])
def test_several_labels_are_no_shares(row):
    with pytest.raises(ValueError, match='take LabelSmoothingBCE'):
        LabelSmoothingCrossEntropy()(torch.zeros(2, 3), torch.tensor([[1, 0, 0], row]))
