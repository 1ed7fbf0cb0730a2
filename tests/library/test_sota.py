"""What the winners use, against PyTorch, timm, and values by hand."""
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import timm.optim
import torch
import torch.nn.functional as F
from fastai.vision.all import Callback, L, OptimWrapper, nn
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from torch.utils.flop_counter import FlopCounterMode

from sotatrain.cli import main as cli
from sotatrain.core.split import half_of
from sotatrain.experiment import (
    Comparison,
    Recipe,
    compare,
    named,
    sota,
    store,
    train,
    trained_learner,
)
from sotatrain.experiment.leaderboard import leaderboard
from sotatrain.experiment.named import SOTA
from sotatrain.experiment.training import learner_of, training_tflop
from sotatrain.learner import make_model, plain_net
from sotatrain.resizing import SCHEDULES
from sotatrain.sota import *

TINY = {'plain_net': dict(widths=[4, 4, 8], blocks=[1])}
SMALL = dict(data='doodlenette-20-10', arch=TINY, size=32, bs=5, epochs=1)

pytestmark = pytest.mark.usefixtures('own_cache')


def seeded(seed=0): return torch.Generator().manual_seed(seed)


# Operations

@pytest.mark.parametrize('arch', ['xresnet18', 'resnet50', 'mobilenet_v2', plain_net])
@pytest.mark.parametrize('size', [32, 65])
def test_operations_are_those_of_pytorchs_counter(arch, size):
    model = make_model(arch, 10).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad(): model(torch.zeros(1, 3, size, size))
    assert 2 * sum(operations(model, size).values()) == counter.get_total_flops()


def test_operations_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, groups=4), nn.Flatten(),
        nn.Linear(8 * 6 * 6, 10))
    assert operations(model, 16) == {
        '0': 8*8 * 8 * 3*9, '1': 6*6 * 8 * 2*9, '3': 8*6*6 * 10}


def test_a_layer_that_is_used_twice_counts_twice():
    layer = nn.Conv2d(3, 3, 1)
    assert sum(operations(nn.Sequential(layer, nn.ReLU(), layer), 8).values()) == 2 * 8*8 * 3*3


def test_counting_leaves_the_network_as_it_is():
    model = plain_net(10).train()
    operations(model, 32)
    assert model.training and next(model.parameters()).device.type == 'cpu'
    assert not any(layer._forward_hooks for layer in model.modules())


def test_the_family_goes_from_20_to_700_million_multiply_adds():
    small = sum(operations(plain_net(10), 32).values())
    large = sum(operations(plain_net(10, (64, 128, 256, 512, 512), (1, 1, 2)), 64).values())
    assert small < 20e6 and 500e6 < large


def test_a_matrix_product_is_slower_than_its_peak_never_faster():
    assert 1 < peak(n=256) < 1e5
    assert .1 < bandwidth(megabytes=8) < 1e4


# The network

def test_widths_and_blocks_shape_the_network():
    model = plain_net(7, (4, 8, 16, 24), (0, 2))
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [4, 8, 16, 24, 24, 24, 24, 24]
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize('bad, message', [
    (dict(widths=(4, 4)), 'two widths for the stem, then one for each stage'),
    (dict(blocks=(1, 1)), 'two widths for the stem, then one for each stage'),
    (dict(widths=(4, 4, 0, 8, 8)), 'widths, each=0'),
    (dict(blocks=(-1, 0, 0)), 'blocks, each=-1'),
    (dict(act='tanh'), "act='tanh'"),
    (dict(momentum=2), 'momentum=2'),
    (dict(n_out=0), 'n_out=0'),
])
def test_an_impossible_network_is_an_error(bad, message):
    with pytest.raises(ValueError, match=message): plain_net(**{'n_out': 10} | bad)


# Optimizers

def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(),
        nn.Linear(4 * 4 * 4, 5))


def trained(model, optimizer, steps=5):
    x, y = torch.randn(6, 3, 8, 8, generator=seeded()), torch.arange(6) % 5
    for _ in range(steps):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    return list(model.parameters())


def groups(model, wd):
    "Weights, which decay, and the others."
    parameters = list(model.parameters())
    return [dict(params=[p for p in parameters if p.ndim > 1], weight_decay=wd),
            dict(params=[p for p in parameters if p.ndim < 2], weight_decay=0)]


def same(ours, theirs, **tolerance):
    for a, b in zip(ours, theirs): torch.testing.assert_close(a, b, **tolerance)


def test_adamw_is_pytorchs():
    ours, theirs = network(), network()
    reference = torch.optim.AdamW(groups(theirs, .1), 1e-2, (.9, .99))
    optimizer = fast_adamw([L(ours.parameters())], 1e-2, wd=.1)
    same(trained(ours, optimizer), trained(theirs, reference))


def test_sgd_is_pytorchs_with_nesterov_and_decay_apart():
    ours, theirs = network(), network()
    reference = torch.optim.SGD(theirs.parameters(), 1e-2, .9, nesterov=True)
    optimizer = fast_sgd([L(ours.parameters())], 1e-2, wd=0)
    same(trained(ours, optimizer), trained(theirs, reference))


@pytest.mark.parametrize('make', [fast_sgd, fast_adamw])
@pytest.mark.parametrize('wd_bn_bias', [False, True])
def test_decay_shrinks_weights_and_nothing_else_unless_asked(make, wd_bn_bias):
    model = network()
    before = [p.clone() for p in model.parameters()]
    optimizer = make(L(model.parameters()), .1, wd=.5, wd_bn_bias=wd_bn_bias)
    for p in model.parameters(): p.grad = torch.zeros_like(p)
    optimizer.step()
    for old, new in zip(before, model.parameters()):
        torch.testing.assert_close(new, old * (.95 if wd_bn_bias or old.ndim > 1 else 1.))


@pytest.mark.parametrize('bf16, off, rounding', [(False, .11, 1e-4), (True, .17, .02)])
@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 24), columns=st.integers(1, 24), seed=st.integers(0, 99))
def test_singular_values_come_near_one_and_directions_stay(
        bf16, off, rounding, rows, columns, seed):
    g = torch.randn(rows, columns, generator=seeded(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('sotatrain.sota.has_bf16', lambda device: bf16)
        made = orthogonal(g)
    u, found, v = torch.linalg.svd(g, full_matrices=False)
    along, large = (u.T @ made @ v.T).diagonal(), found > .025 * found.norm()
    assert ((along[large] - 1).abs() < off).all()
    assert (along > -rounding).all()  # smaller ones grow, too, but not as far


def test_a_step_of_muon_is_timms_but_for_the_polynomial(monkeypatch):
    "With timm's polynomial, and without rounding: timm would compute in bfloat16 as well."
    monkeypatch.setattr('sotatrain.sota.has_bf16', lambda device: False)
    iteration = timm.optim.muon.zeropower_via_newtonschulz
    monkeypatch.setattr(
        timm.optim.muon, 'zeropower_via_newtonschulz', partial(iteration, dtype=torch.float32))
    jordan = (3.4445, -4.7750, 2.0315)
    monkeypatch.setattr('sotatrain.sota.POLYNOMIALS', [jordan] * 5)
    ours, theirs = nn.Conv2d(4, 6, 3, bias=False), nn.Conv2d(4, 6, 3, bias=False)
    theirs.load_state_dict(ours.state_dict())
    reference = timm.optim.Muon(
        theirs.parameters(), lr=.1, momentum=.9, weight_decay=.1, nesterov=True, ns_steps=5,
        ns_coefficients=jordan, safety_factor=1.02, adjust_lr_fn='original',
        conv_mode='flatten')
    optimizer = muon(L(ours.parameters()), .1, mom=.9, wd=.1)
    x = torch.randn(5, 4, 6, 6, generator=seeded())
    for _ in range(3):
        for layer, opt in ((ours, optimizer), (theirs, reference)):
            layer(x).pow(2).sum().backward()
            opt.step()
            opt.zero_grad()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-4, atol=1e-5)


def test_muon_counts_what_its_steps_multiply():
    net = network()
    optimizer = muon(L(net.parameters()), .1)
    counted = 0
    for _ in range(2):
        net(torch.randn(4, 3, 8, 8)).sum().backward()
        with FlopCounterMode(display=False) as counter: optimizer.step()
        counted += counter.get_total_flops()
    assert counted and 2 * optimizer.opt.multiply_adds == counted


def test_the_operations_of_a_run_are_those_of_network_and_optimizer():
    learn = learner_of(Recipe(**SMALL | {'opt': {'muon': {}}}))
    learn.create_opt()
    one = sum(operations(learn.model, 32).values())
    assert training_tflop(learn, {32: 2e6}) == approx(6e-12 * one * 2e6, abs=.001)
    learn.opt.opt.multiply_adds = 5e12
    assert training_tflop(learn, {}) == 10


def test_muon_uses_adam_for_all_but_filters():
    ours, theirs = network(), network()
    trained(ours, muon(L(ours.parameters()), .1, share=.1, wd=0), steps=1)
    reference = torch.optim.AdamW(theirs.parameters(), .01, (.9, .99), weight_decay=0)
    trained(theirs, reference, steps=1)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        assert torch.allclose(a, b) == (a.ndim < 4)


@pytest.mark.parametrize('make', [fast_sgd, fast_adamw, muon])
def test_fastai_can_set_every_rate_and_keep_the_state(make):
    model = network()
    optimizer = make([L(model.parameters())], 1.)
    optimizer.set_hypers(lr=.25, wd=.125)
    assert {(h['lr'], h['wd']) for h in optimizer.hypers} == {(.25, .125)}
    trained(model, optimizer, 2)
    state = optimizer.state_dict()
    other = make([L(network().parameters())], 1.)
    other.load_state_dict(state)
    assert other.hypers == optimizer.hypers and isinstance(other, OptimWrapper)


@pytest.mark.parametrize('make', [fast_sgd, fast_adamw, muon])
@pytest.mark.parametrize('value', [float('nan'), 'fast', -1])
def test_an_impossible_rate_is_an_error(make, value):
    with pytest.raises((ValueError, TypeError), match='lr='):
        make(L(network().parameters()), value)


@pytest.mark.parametrize('make', [fast_sgd, fast_adamw, muon])
def test_what_decays_is_said_by_true_or_false(make):
    with pytest.raises(TypeError, match="wd_bn_bias='no'"):
        make(L(network().parameters()), .1, wd_bn_bias='no')


def test_all_but_filters_decay_at_the_share_of_the_rate():
    model = network()
    before = [p.clone() for p in model.parameters()]
    optimizer = muon(L(model.parameters()), .1, share=.5, wd=.5)
    for p in model.parameters(): p.grad = torch.zeros_like(p)
    optimizer.step()
    kept = {4: .95, 2: .975, 1: 1.}  # by the number of dimensions
    for old, new in zip(before, model.parameters()):
        torch.testing.assert_close(new, old * kept[old.ndim])


def test_weights_without_gradient_stay():
    model = network()
    frozen = model[0].weight.requires_grad_(False)
    before = frozen.clone()
    trained(model, muon(L(model.parameters()), .1))
    assert torch.equal(frozen, before)


# The schedule

def test_linear_rises_for_a_tenth_and_falls_to_zero():
    learn = learner_of(Recipe(**SMALL | {'epochs': 10}))
    seen = []
    class Keep(Callback):
        order = 70  # after the schedule
        def before_batch(self):
            if self.training: seen.append(self.opt.hypers[-1]['lr'])
    with learn.no_bar(), learn.no_logging():
        SCHEDULES['linear'](learn, 10, 1., cbs=Keep())
    top = seen.index(max(seen))
    assert abs(top - len(seen)/10) <= 1 and max(seen) > .85
    steps = [b - a for a, b in zip(seen[top + 1:], seen[top + 2:])]
    assert max(steps) - min(steps) < 1e-6 and 0 < seen[-1] < .1


# An average of the weights

def floats(model):
    "Weights, and what batch norm keeps."
    return [value for value in model.state_dict().values() if value.is_floating_point()]


class KeepWeights(Callback):
    order = 60
    def before_fit(self): self.kept = []
    def after_batch(self):
        if not self.training: return
        self.kept.append([value.clone() for value in floats(self.model)])


def fitted(*cbs, epochs=2, **changes):
    learn = learner_of(Recipe(**SMALL | changes))
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs, 1e-2, cbs=list(cbs))
    return learn


def test_the_average_is_that_of_its_formula():
    "Of the weights, and of batch norm's means and variances."
    keep = KeepWeights()
    learn = fitted(AverageWeights(.6), keep)
    torch.manual_seed(0)
    average = floats(learner_of(Recipe(**SMALL)).model)
    for step, weights in enumerate(keep.kept, 1):
        new = 1 - min(.6, step / (step + 9))
        average = [a + new * (w - a) for a, w in zip(average, weights)]
    assert len(average) > len([*learn.model.parameters()])
    same(floats(learn.model), average, rtol=1e-4, atol=1e-5)


def test_the_average_does_not_disturb_the_training():
    kept = KeepWeights(), KeepWeights()
    fitted(kept[0])
    fitted(kept[1], AverageWeights())
    for one, other in zip(kept[0].kept, kept[1].kept): same(one, other, rtol=0, atol=0)


def test_validation_sees_what_the_fit_ends_with():
    learn = fitted(AverageWeights(.9))
    last = learn.recorder.values[-1]
    assert learn.validate()[0] == pytest.approx(last[1], rel=1e-3)


def test_a_second_fit_averages_anew_and_ctrl_c_leaves_a_network_that_works():
    class Stop(Callback):
        def after_batch(self):
            if self.iter == 1: raise KeyboardInterrupt
    learn, average = learner_of(Recipe(**SMALL)), AverageWeights()
    with learn.no_bar(), learn.no_logging():
        with pytest.raises(KeyboardInterrupt): learn.fit(1, cbs=[average, Stop()])
        learn.fit(1, cbs=average)
        assert average.average is None and torch.isfinite(learn.get_preds()[0]).all()


def test_the_learning_rate_finder_leaves_the_weights():
    learn = learner_of(Recipe(**SMALL, cbs={'AverageWeights': {}, 'WhitenStem': {}}))
    before = [p.detach().clone() for p in learn.model.parameters()]
    with learn.no_bar(): learn.lr_find(num_it=3, show_plot=False, suggest_funcs=None)
    same(before, learn.model.parameters(), rtol=0, atol=0)


# Flips in turns

class KeepBatches(Callback):
    "What each picture looked like, by its place; before or after the other callbacks."
    def __init__(self, order=999): self.order = order
    def before_fit(self): self.seen = {}
    def before_batch(self):
        if not self.training: return
        for place, x in zip(self.dls.train.drawn, self.xb[0]):
            self.seen.setdefault(int(place), []).append(x.as_subclass(torch.Tensor).clone())


def before_and_after(callback, epochs=1, **changes):
    "Pairs of pictures, in a list for each place."
    before, after = KeepBatches(-5), KeepBatches()
    fitted(before, callback, after, epochs=epochs, **changes)
    return [list(zip(before.seen[place], after.seen[place])) for place in after.seen]


def test_each_picture_is_mirrored_in_every_second_epoch():
    starts = []
    for pairs in before_and_after(AlternateFlip(), epochs=4, augment={'flip': 0}):
        turned = [not torch.equal(x, plain) for plain, x in pairs]
        for (plain, x), turn in zip(pairs, turned):
            assert torch.equal(x, plain.flip(-1) if turn else plain)
        if len(pairs) == 4: assert turned in ([0, 1, 0, 1], [1, 0, 1, 0])
        starts.append(turned[0])
    assert 0 < sum(starts) < len(starts)


@pytest.mark.parametrize('augment, message', [({}, 'flip=0.5'), ({'flip': 1.}, 'flip=1.0')])
def test_two_flips_are_an_error(augment, message):
    with pytest.raises(ValueError, match=message): fitted(AlternateFlip(), augment=augment)


def test_foreign_data_are_an_error():
    with pytest.raises(TypeError, match='get_dls'):
        fitted(AlternateFlip(), loader='datablock', bs=4)


# A whitening stem

def test_whitened_patches_have_no_correlation_and_equal_variances():
    x = torch.rand(64, 3, 24, 24, generator=seeded())
    x = F.avg_pool2d(x, 3, 1)  # neighbours are alike, as in pictures
    directions, variances = patch_directions(x)
    assert (variances.diff() <= 0).all() and directions.shape == (27, 3, 3, 3)
    out = F.conv2d(x, directions / variances.sqrt()[:, None, None, None]).transpose(0, 1)
    torch.testing.assert_close(torch.cov(out.flatten(1)), torch.eye(27), rtol=.02, atol=.02)


def test_the_stem_makes_the_patches_of_its_batch_white(monkeypatch):
    seen = []
    def kept(x, kernel): return patch_directions(seen.append(x) or x, kernel)
    monkeypatch.setattr('sotatrain.sota.patch_directions', kept)
    learn = learner_of(Recipe(**SMALL, cbs={'WhitenStem': {'eps': 1e-6}}))
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    [x], conv = seen, first_convolution(learn.model)
    out = F.conv2d(x, conv.weight[:2]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(out), torch.eye(2), rtol=.01, atol=.01)


def test_the_stem_is_whitened_once_and_stays():
    learn = learner_of(Recipe(**SMALL, cbs='WhitenStem'))
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    weight = first_convolution(learn.model).weight
    assert not weight.requires_grad and torch.equal(weight[:2], -weight[2:4])
    before = weight.clone()
    with learn.no_bar(), learn.no_logging():
        learn.validate(), learn.get_preds(), learn.fit(1)
    assert torch.equal(before, weight)
    with pytest.raises(ValueError, match='no convolution'): first_convolution(nn.Linear(2, 2))


# Stronger augmentation

def test_rectangles_are_as_large_and_as_often_as_asked():
    covered = Erase(p=.5, area=(.04, .1)).rectangles(4000, 40, 60).float().mean((1, 2))
    assert .45 < (covered > 0).float().mean() < .55
    assert covered.max() < .13 and .03 < covered[covered > 0].mean() < .08


def test_erased_is_one_colour_and_the_rest_stays():
    for (plain, x), *_ in before_and_after(Erase(p=1.)):
        changed = (x != plain).any(0)
        assert changed.any() and not changed.all()
        assert x[:, changed].std(1).max() < 1e-5


@pytest.mark.parametrize('kind', CHANGES)
def test_changes_of_colour_are_none_without_an_amount_and_stay_in_range(kind):
    x = torch.rand(5, 3, 8, 8, generator=seeded())
    none, most = torch.zeros(5, 1, 1, 1), torch.linspace(-1, 1, 5).view(5, 1, 1, 1)
    torch.testing.assert_close(CHANGES[kind](x, none), x, rtol=0, atol=1/255)
    assert CHANGES[kind](x, most).isfinite().all()


def test_normalized_pictures_are_refused():
    with pytest.raises(ValueError, match='leave Normalize out'):
        fitted(TrivialColours(), batch_tfms={'Normalize': {}})


def test_some_pictures_change_and_some_do_not():
    pairs = [pair for pairs in before_and_after(TrivialColours(), 6) for pair in pairs]
    differ = [not torch.equal(plain, x) for plain, x in pairs]
    assert .5 < sum(differ) / len(differ) < 1


@pytest.mark.parametrize('make', [
    lambda: AverageWeights(1.5), lambda: Erase(p=2), lambda: Erase(area=(0, 3)),
    lambda: Erase(area=(.3, .2)),
    lambda: TrivialColours(-1), lambda: WhitenStem(0)])
def test_an_impossible_parameter_is_an_error(make):
    with pytest.raises((ValueError, TypeError), match='='): make()


# All of it in recipes

@pytest.mark.parametrize('cbs', [
    {'AverageWeights': {'decay': .9}}, {'AlternateFlip': {}}, {'WhitenStem': {}},
    {'Erase': {}, 'TrivialColours': {}}, {'ProgressiveResize': {'small': 16}}])
@pytest.mark.parametrize('opt', ['muon', 'fast_adamw', 'fast_sgd'])
def test_two_runs_from_one_seed_agree(cbs, opt):
    recipe = Recipe(
        **SMALL, schedule='linear', opt=opt, cbs=cbs, report='reported',
        augment={'flip': 0} if 'AlternateFlip' in cbs else {})
    assert Recipe.from_json(recipe.to_json()) == recipe
    one, two = (train(recipe, 3, progress=False) for _ in range(2))
    assert (one.accuracy, one.log_loss, one.halves) == (two.accuracy, two.log_loss, two.halves)


# Halves of the validation pictures

NAMES = [f'n0{2102040 + k}_{i}.JPEG' for k in range(10) for i in range(0, 4000, 10)]


def test_the_halves_are_fixed_balanced_and_do_not_depend_on_the_folder():
    halves = [half_of(f'val/{name}') for name in NAMES]
    assert halves == [half_of(Path('/elsewhere')/name) for name in NAMES]
    assert halves[:8] == FIXED
    for k in range(10):
        share = halves[400*k:400*(k + 1)].count('reported') / 400
        assert .4 < share < .6, k


FIXED = [
    'reported', 'deciding', 'reported', 'reported', 'deciding', 'deciding', 'reported',
    'deciding']


def test_a_half_is_scored_and_both_are_kept():
    recipe = Recipe(**SMALL)
    learn = trained_learner(recipe, 1, progress=False)
    p, targets = learn.get_preds()
    right = (p.argmax(1) == targets).float()
    mine = torch.tensor([half_of(file) == 'reported' for file in learn.dls.valid.items])
    run = train(replace(recipe, report='reported'), 1, progress=False)
    assert run.accuracy == run.halves['reported']['accuracy'] == near(right[mine])
    assert run.halves['deciding']['accuracy'] == near(right[~mine])
    loss = F.nll_loss(p.log(), targets, reduction='none')
    assert run.log_loss == near(loss[mine])
    assert train(recipe, 1, progress=False).log_loss == near(loss)


def near(values): return approx(values.mean().item(), abs=2e-6)  # six places are stored


def test_recipes_that_differ_in_their_half_share_a_training_run_but_are_no_pairs(monkeypatch):
    recipes = [Recipe('one', **SMALL), Recipe('two', **SMALL, report='reported')]
    with pytest.raises(ValueError, match="one has report='all' and two 'reported'"):
        compare(recipes, [0], progress=False)
    with pytest.raises(ValueError, match='no pairs'):
        Comparison([train(recipe, progress=False) for recipe in recipes])


@pytest.mark.parametrize('report', ['half', None, 1])
def test_an_unknown_half_is_an_error(report):
    with pytest.raises((ValueError, TypeError), match='report='): Recipe(report=report)


# Recipes with a name

@pytest.mark.parametrize('name', SOTA)
def test_a_named_recipe_is_a_recipe(name):
    recipe = sota(name)
    assert recipe.name == name and Recipe.from_json(recipe.to_json()) == recipe
    assert sota(name, lr=.5).differences(recipe) == {'lr': (.5, recipe.lr)}
    growing = recipe.cbs['ProgressiveResize']
    if name.startswith('gpu'): assert growing.get('large', recipe.size) >= recipe.size


def test_a_recipe_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="'minute-5'; did you mean 'minutes-5'"):
        sota('minute-5')
    with pytest.raises(TypeError, match='speed'): sota('hour', speed=3)


def test_a_run_records_its_operations():
    run = train(Recipe(**SMALL | {'epochs': 2}), progress=False)
    cost = sum(operations(make_model(partial(plain_net, **TINY['plain_net']), 10), 32).values())
    assert run.tflop == approx(6e-12 * cost * 2 * 20, abs=.001)
    assert 0 < run.train_seconds <= run.seconds
    assert run.conditions['gflops_fp32'] > 0 and run.conditions['gflops'] > 0


@pytest.fixture
def small_sota(monkeypatch):
    for name in ('minutes-5', 'hour'): monkeypatch.setitem(named.SOTA, name, SMALL)


def test_the_leaderboard_goes_on_after_an_interruption(small_sota, tmp_path, monkeypatch):
    command = ['leaderboard', 'minutes-5', '--seeds', '3', '--results', str(tmp_path)]
    write, written = store.write, []
    def interrupted(run, file):
        write(run, file)
        written.append(run.seed)
        if len(written) == 1: raise KeyboardInterrupt
    monkeypatch.setattr(store, 'write', interrupted)
    with pytest.raises(SystemExit, match='interrupted'): cli(command)
    assert not cli(command) and written == [0, 1, 2]
    head, first, *others = leaderboard(tmp_path)
    assert first[0] == 'minutes-5' and first[2] == '3' and ' ± ' in first[1]
    assert all(line[1] == 'not measured yet' for line in others)


def test_seconds_are_of_runs_that_had_most_of_the_machine(small_sota, tmp_path):
    assert not cli(['leaderboard', 'minutes-5', '--seeds', '3', '--results', str(tmp_path)])
    runs = store.load_runs('leaderboard', tmp_path)
    for run, (threads, took) in zip(runs, ((1, 9), (2, 5), (2, 4))):
        slow = replace(run, train_seconds=took, conditions=run.conditions | dict(
            threads=threads, gflops=100*took))
        store.write(slow, store.file_of(run.recipe, run.seed, 'leaderboard', tmp_path))
    line = leaderboard(tmp_path)[1]
    assert line[2] == '3' and line[4] == '4 to 5 s, 2 of 3 runs'
    assert line[6] == '400 to 500'
    gpu = replace(slow, train_seconds=.4, conditions=run.conditions | dict(
        threads=1, gflops=90_000, device='GPU'))  # whose seconds a processor's would drown
    store.write(gpu, store.file_of(gpu.recipe, gpu.seed, 'leaderboard', tmp_path))
    line = leaderboard(tmp_path)[1]
    assert line[4] == '0 s, 1 of 3 runs' and line[6] == '90000' and line[7].startswith('GPU, ')
    for run in store.load_runs('leaderboard', tmp_path):  # of a version that measured no peak
        unknown = {key: value for key, value in run.conditions.items() if key != 'gflops'}
        store.write(replace(run, conditions=unknown),
                    store.file_of(run.recipe, run.seed, 'leaderboard', tmp_path))
    assert leaderboard(tmp_path)[1][6] == '?'


def test_the_leaderboard_in_the_shell(small_sota, tmp_path, capsys):
    assert not cli(['leaderboard', '--results', str(tmp_path)])
    assert capsys.readouterr().out.count('not measured yet') == len(SOTA)
    with pytest.raises(SystemExit, match='no recipe is called'): cli(['leaderboard', 'minute'])


def test_a_named_recipe_takes_a_folder_in_the_shell(small_sota, tiny, tmp_path, capsys):
    data = ['--data', str(tiny), '--seeds', '1']
    assert not cli(['train', '--recipe', 'minutes-5', *data])
    assert 'minutes-5, seed 0:' in capsys.readouterr().out
    assert not cli(['leaderboard', 'minutes-5', '--results', str(tmp_path), *data])
    [run] = store.load_runs('leaderboard', tmp_path)
    assert run.data['train'] == 40 and run.recipe.name == 'minutes-5'


def test_a_named_recipe_in_the_shell(small_sota, capsys):
    assert not cli(['train', '--recipe', 'minutes-5', 'bs=4', '--seeds', '2'])
    out = capsys.readouterr().out
    assert 'minutes-5, seed 0:' in out and 'minutes-5, seed 1:' in out and ' ± ' in out
    assert not cli(['recipe', 'hour', 'lr=.25'])
    assert '"lr": 0.25' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='--export writes one learner'):
        cli(['train', 'hour', '--seeds', '2', '--export', 'x.pkl'])


@pytest.mark.parametrize('name', ['minutes-5', 'gpu-5-epochs'])
def test_a_named_recipe_trains_and_two_runs_from_one_seed_agree(name):
    recipe = sota(name, data='doodlenette-20-10', epochs=1, bs=10)
    run, again = (train(recipe, 1, progress=False) for _ in range(2))
    assert not run.failed and run.recipe.name == name and run.tflop > 0
    assert (run.accuracy, run.log_loss) == (again.accuracy, again.log_loss)
    assert run.halves == again.halves
