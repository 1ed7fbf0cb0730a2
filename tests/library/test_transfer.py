"""Transfer learning, against PyTorch, fastai, scikit-learn and values by hand."""
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import torch.nn.functional as F
from fastai.vision.all import Adam, BnFreeze, accuracy, even_mults, nn
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from sklearn.linear_model import LogisticRegression

from sotatrain.core.cache import cache_folder
from sotatrain.learner import make_learner, make_model, seeded
from sotatrain.normalize import Normalize, normalization
from sotatrain.presize import Augment, get_dls
from sotatrain.sota import fast_adamw, plain_net
from sotatrain.transfer import *
from tests.networks import Net

pytestmark = pytest.mark.usefixtures('own_cache')
HALF = Normalize([.5]*3, [.5]*3)


def net(n_out=10, seed=0):
    with seeded(seed): return plain_net(n_out, widths=(4, 4, 8, 8), blocks=(1, 0))


@pytest.fixture
def dls(own_cache): return get_dls(32, 5, 'doodlenette-20-10', after_batch=HALF, seed=0)


@pytest.fixture
def learn(dls): return transfer_learner(dls, net())


def state(model): return {name: v.clone() for name, v in model.state_dict().items()}
def moved(before, model): return {n for n, v in model.state_dict().items()
                                  if not before[n].equal(v)}


# Networks

def test_a_network_has_trained_weights_below_a_new_layer():
    a, b = (pretrained(3, seed=seed) for seed in (0, 1))
    assert moved(a.state_dict(), b) == {'classifier.weight', 'classifier.bias'}
    assert a(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert a.conv_stem.weight.std() > .1  # timm's own start has less


def test_the_same_seed_gives_the_same_new_layer_and_leaves_the_global_generator():
    before = torch.get_rng_state()
    a, b = (last_layer(pretrained(3, seed=4)).weight for _ in range(2))
    assert a.equal(b) and before.equal(torch.get_rng_state())


def test_what_a_network_was_trained_with_is_its_own_account():
    given = preprocessing(pretrained(3))
    expected = timm.data.resolve_model_data_config(timm.create_model('tf_efficientnet_lite0'))
    assert given.mean == expected['mean'] and given.std == expected['std']
    assert (given.size, given.crop) == (expected['input_size'][1], expected['crop_pct'])
    assert given.interpolation == expected['interpolation']
    with pytest.raises(TypeError, match='Net does not say'): preprocessing(Net(3))


def test_data_have_the_networks_statistics_and_the_learner_refuses_others():
    model = pretrained(10)
    dls = pretrained_dls(model, 5, 'doodlenette-20-10', 32)
    assert normalization(dls).mean.flatten().tolist() == [.5]*3
    learn = transfer_learner(dls, model)
    learn.dls = get_dls(32, 5, 'doodlenette-20-10')
    with pytest.raises(ValueError, match='expects mean'): learn.validate()


def test_an_export_keeps_the_statistics(learn, tmp_path):
    from fastai.vision.all import load_learner
    learn.path = tmp_path
    learn.export('learner.pkl')
    assert normalization(load_learner(tmp_path/'learner.pkl').dls).std.flatten().tolist() == (
        [.5]*3)


def test_a_network_that_cannot_be_had_is_named(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'resnet18'"): pretrained(3, 'resnet-18')
    def offline(*args, pretrained, **more):
        if pretrained: raise RuntimeError('no hub')
        return create(*args, **more)
    create = timm.create_model
    monkeypatch.setattr(timm, 'create_model', offline)
    with pytest.raises(ConnectionError, match='no hub'): pretrained(3, 'convnext_zepto_rms_ols')
    torch.save(net().state_dict(), file := tmp_path/'mine.pth')
    with pytest.raises(ValueError, match='mine.pth are of another network'):
        pretrained(3, 'resnet18', file)


# Features

@pytest.mark.parametrize('arch', [net, Net, partial(make_model, 'xresnet18')])
def test_activations_are_what_the_last_layer_gets(arch):
    model, x = arch(10), torch.rand(3, 3, 32, 32)
    model.train()
    before = state(model)
    found = activations(model, x)
    assert model.training and not moved(before, model)
    with torch.no_grad(): assert torch.allclose(last_layer(model)(found), model.eval()(x))


def test_a_network_that_does_more_after_its_last_layer_is_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Softmax(1))
    with pytest.raises(ValueError, match='does not end'):
        activations(model, torch.rand(2, 3, 2, 2))
    with pytest.raises(ValueError, match='no linear'): last_layer(nn.Conv2d(3, 3, 1))


def test_kept_features_equal_live_ones(dls):
    model = net().eval()
    for part in dls.train, dls.valid:
        files = list(part.dataset.items)
        test = dls.test_dl(files, with_labels=True)
        x, y = (torch.cat([torch.Tensor(b[i]).clone() for b in test]) for i in (0, 1))
        for _ in range(2):  # computed, then read
            found = features(model, part)
            with torch.no_grad(): live = model[:-1](x)
            assert torch.allclose(found.x, live, rtol=0, atol=1e-6) and found.y.equal(y.long())


def test_kept_features_of_the_trained_network_equal_live_ones(dls):
    model = pretrained(10).eval()
    x = next(iter(dls.valid))[0].as_subclass(torch.Tensor)
    with torch.no_grad(): live = model.forward_head(model.forward_features(x), pre_logits=True)
    for _ in range(2):  # computed, then read
        found = features(model, dls.valid).x[:len(x)]
        assert torch.allclose(found, live, rtol=0, atol=1e-5 * live.abs().max())


def kept(): return {*(cache_folder()/'features').glob('*.npy')}

def new_file_when(change):
    before = kept()
    change()
    return len(kept() - before)


def test_features_are_computed_again_only_when_something_that_decides_them_changed(
        dls, tmp_path):
    model = net(seed=7)
    again = partial(features, model, dls.valid)
    assert new_file_when(again) == 1 and new_file_when(again) == 0
    with torch.no_grad(): last_layer(model).weight.add_(1)
    assert new_file_when(again) == 0
    with torch.no_grad(): model[0][1].running_mean.add_(1e-3)
    assert new_file_when(again) == 1
    for more in dict(size=24), dict(after_batch=Normalize([.4]*3, [.5]*3)), dict(presize=48):
        given = dict(size=32, bs=5, path='doodlenette-20-10', after_batch=HALF) | more
        other = get_dls(**given)
        assert new_file_when(partial(features, model, other.valid)) == 1, more
    same = get_dls(32, 2, 'doodlenette-20-10', after_batch=HALF)
    assert new_file_when(partial(features, model, same.valid)) == 0
    views = partial(features, model, views=1)
    assert new_file_when(partial(views, dls.train)) == 1
    darker = get_dls(32, 5, 'doodlenette-20-10', after_batch=HALF, tfms=Augment(light=.9))
    assert new_file_when(partial(views, darker.train)) == 1
    assert new_file_when(partial(features, model, darker.valid)) == 0


def test_a_changed_picture_has_other_features(dls, tmp_path):
    from PIL import Image
    model, file = net(), tmp_path/'a.png'
    Image.new('RGB', (40, 40), 'red').save(file)
    red = features(model, dls.test_dl([file])).x
    Image.new('RGB', (40, 40), 'blue').save(file)
    blue = features(model, dls.test_dl([file]))
    assert not torch.allclose(red, blue.x) and blue.y is None


def test_a_damaged_file_of_features_is_made_again(dls):
    model = net(seed=9)
    before = kept()
    right = features(model, dls.valid).x
    file, = kept() - before
    for content in (b'', file.read_bytes()[:-9]):
        file.write_bytes(content)
        assert features(model, dls.valid).x.equal(right)


def test_views_are_augmented_and_have_the_labels_of_their_pictures(dls):
    model = net()
    plain, two = features(model, dls.train), features(model, dls.train, views=2)
    first, second = two.x.chunk(2)
    assert two.y.equal(plain.y.repeat(2))
    assert not torch.allclose(first, second) and not torch.allclose(first, plain.x)
    assert features(model, dls.train, views=2).x.equal(two.x)
    assert not features(model, dls.train, views=2, seed=1).x.equal(two.x)


def test_other_loaders_have_no_features(dls):
    with pytest.raises(TypeError, match='list has no pictures'): features(net(), [])


# The last layer

def test_the_head_is_the_one_of_scikit_learn():
    with seeded(0): x, y = torch.randn(60, 5), torch.randint(0, 3, (60,))
    x = x + y[:, None]
    head = fit_head(x, y, 3, l2=.01)
    reference = LogisticRegression(C=1 / (.01 * 60), tol=1e-8, max_iter=2000).fit(x, y)
    expected = torch.from_numpy(reference.predict_proba(x)).float()
    assert torch.allclose(head(x).softmax(1), expected, atol=1e-3)


@pytest.mark.parametrize('change, message', [
    (dict(l2=0), 'l2'), (dict(n_out=2), 'y has values'), (dict(y=torch.zeros(3)), r'y is 3'),
    (dict(x=torch.full((4, 2), float('nan'))), 'NaN')])
def test_a_head_for_impossible_data_is_refused(change, message):
    given = dict(x=torch.rand(4, 2), y=torch.tensor([0, 1, 2, 0]), n_out=3)
    with pytest.raises(ValueError, match=message): fit_head(**given | change)


def test_probing_changes_the_last_layer_only_and_to_the_best(learn):
    before = state(learn.model)
    given = probe(learn)
    last = {f'{name}.{kind}' for name, layer in learn.model.named_modules()
            if layer is last_layer(learn.model) for kind in ('weight', 'bias')}
    assert moved(before, learn.model) == last
    expected = fit_head(*given, 10)
    assert last_layer(learn.model).weight.equal(expected.weight)


# Groups

def test_groups_have_each_parameter_once_and_the_last_layer_by_itself():
    for model in net(), Net(10), pretrained(10), make_model('resnet18', 10):
        for splitter in three_groups, each_layer:
            groups = splitter(model)
            flat = [id(p) for group in groups for p in group]
            assert sorted(flat) == sorted(map(id, model.parameters()))
            assert {*map(id, groups[-1])} == {*map(id, last_layer(model).parameters())}
        assert len(three_groups(model)) <= 3 and all(three_groups(model))


def test_layers_are_in_the_order_of_the_network():
    model = pretrained(10)
    names = {id(p): i for i, (_, p) in enumerate(model.named_parameters())}
    order = [names[id(p)] for group in each_layer(model) for p in group]
    assert order == sorted(order)


def test_the_table_says_what_will_train_and_how_fast(learn):
    freeze_groups(learn)
    table = what_trains(learn, 1e-3)
    assert table.parameters.sum() == sum(p.numel() for p in learn.model.parameters())
    assert table.trained.tolist()[:-1] == [0, 0] and table.trained.iloc[-1] > 0
    assert [*table['batch norm']] == ['fixed', 'fixed', 'none']
    freeze_groups(learn, 0)
    table = what_trains(learn, spread(learn, 1e-3))
    assert [*table.rate] == approx([1e-5, 1e-4, 1e-3])
    assert [*table['batch norm']] == ['fixed', 'fixed', 'none']


def test_what_is_frozen_does_not_move_and_the_rest_does(learn):
    freeze_groups(learn, 1)
    before = state(learn.model)
    with seeded(0): learn.fit(1, 1e-2)
    lower = {id(p) for p in three_groups(learn.model)[0]}
    trained = {n for n, p in learn.model.named_parameters() if id(p) not in lower}
    frozen = {n.rpartition('.')[0] for n, p in learn.model.named_parameters() if id(p) in lower}
    changed = moved(before, learn.model)
    assert trained <= changed
    assert not {n for n in changed if n.rpartition('.')[0] in frozen or 'running' in n}


def test_without_the_callback_frozen_batch_norm_moves_and_the_table_says_so(dls):
    learn = make_learner(dls, net(), splitter=three_groups, train_bn=False)
    freeze_groups(learn)
    assert what_trains(learn)['batch norm'].tolist()[0] == 'moves'
    before = state(learn.model)
    learn.fit(1, 1e-3)
    assert any('running_mean' in name for name in moved(before, learn.model))


def test_fastais_own_freeze_of_batch_norm_is_seen(dls):
    learn = make_learner(dls, net(), splitter=three_groups, train_bn=False, cbs=BnFreeze())
    freeze_groups(learn)
    assert what_trains(learn)['batch norm'].tolist() == ['fixed', 'fixed', 'none']
    freeze_groups(learn, 1)
    assert what_trains(learn)['batch norm'].tolist() == ['fixed', 'moves', 'none']
    before = state(learn.model)
    learn.fit(1, 1e-3)
    lower = {id(p) for p in three_groups(learn.model)[0]}
    names = {n.rpartition('.')[0] for n, p in learn.model.named_parameters() if id(p) in lower}
    changed = {n for n in moved(before, learn.model) if 'running_mean' in n}
    assert changed and not {n.rpartition('.')[0] for n in changed} & names


@pytest.mark.parametrize('n', [3, -3, -4, 7])
def test_a_freeze_of_nothing_or_of_all_is_refused(learn, n):
    with pytest.raises(ValueError, match='3 groups'): freeze_groups(learn, n)
    assert all(p.requires_grad for p in learn.model.parameters())


def test_a_refused_freeze_names_numbers_that_are_taken(learn):
    with pytest.raises(ValueError, match='3 groups') as refused: freeze_groups(learn, 7)
    low, high = map(int, re.search(r'from (-?\d+) to (\d+)', str(refused.value)).groups())
    assert (low, high) == (-2, 2)
    for n in range(low, high + 1): freeze_groups(learn, n)


def test_a_freeze_with_one_group_is_refused(dls):
    with pytest.raises(ValueError, match='three_groups'):
        freeze_groups(make_learner(dls, net()))


def test_a_parameter_in_no_group_is_named(dls):
    with pytest.raises(ValueError, match=r'in no group, 0\.0\.weight'):
        transfer_learner(dls, net(), splitter=lambda model: three_groups(model)[1:])
    learn = make_learner(dls, net(), splitter=lambda model: three_groups(model)[1:])
    with pytest.raises(ValueError, match='in no group'): what_trains(learn)


def test_an_optimizer_with_groups_of_its_own_is_refused(dls):
    learn = transfer_learner(dls, net(), opt_func=fast_adamw)
    with pytest.raises(ValueError, match='groups of its own'): freeze_groups(learn)


@given(st.floats(1e-5, 1), st.floats(1, 20))
@settings(max_examples=10, deadline=None)
def test_rates_fall_by_the_same_factor_from_group_to_group(lr, times):
    class Learn:
        model, splitter = net(), staticmethod(each_layer)
        opt = Adam(each_layer(model), lr=.1)
    rates, n = spread(Learn, lr, times), len(each_layer(Learn.model))
    expected = [lr / times**i for i in range(n)][::-1]
    assert [*even_mults(rates.start, rates.stop, n)] == approx(expected)


# Restarts

@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_cycles_have_their_lengths(cycles, first, mult):
    lengths = cycle_lengths(cycles, first, mult)
    assert lengths[0] == first and len(lengths) == cycles
    assert all(b == mult * a for a, b in zip(lengths, lengths[1:]))


def test_three_cycles_of_one_epoch_and_a_factor_of_two_are_seven_epochs():
    assert cycle_lengths(3, 1, 2) == [1, 2, 4]
    with pytest.raises(ValueError, match='cycles=0'): cycle_lengths(0)


@pytest.mark.parametrize('cycles, first, mult', [(3, 1, 2), (3, 1, 1), (2, 2, 1)])
def test_rates_are_half_cosines_of_the_formula(learn, cycles, first, mult):
    kept = fit_cycles(learn, cycles, 1e-2, first, mult)
    batches, rates = len(learn.dls.train), []
    for epochs in cycle_lengths(cycles, first, mult):
        t = np.arange(epochs * batches) / (epochs * batches)
        rates += [*(1e-2 * (1 + np.cos(np.pi * t)) / 2)]
    assert learn.recorder.lrs == approx(rates, abs=1e-9)
    assert len(kept) == cycles
    assert not moved(kept[-1], learn.model) and moved(kept[0], learn.model)


def test_rates_are_those_of_fastais_own_restarts(dls):
    ours, theirs = (transfer_learner(dls, net()) for _ in range(2))
    fit_cycles(ours, 2, spread(ours, 1e-3))
    theirs.fit_sgdr(2, 1, spread(theirs, 1e-3))
    assert ours.recorder.lrs == approx(theirs.recorder.lrs, abs=1e-9)


@pytest.mark.parametrize('at, times', [((.5, .75), 10), ((.25,), 3), ((), 10)])
def test_rates_fall_in_steps(learn, at, times):
    fit_steps(learn, 4, spread(learn, 1e-2), at, times)
    shares = np.arange(n := 4 * len(learn.dls.train)) / n
    rates = [1e-2 / times ** sum(share >= limit - 1e-9 for limit in at) for share in shares]
    assert learn.recorder.lrs == approx(rates, rel=1e-9)
    first = [hypers['lr'] for hypers in learn.opt.hypers]
    assert first[-1] / first[-2] == approx(10)


@pytest.mark.parametrize('at', [(.75, .5), (.5, .5), (0., .5), (1.5,)])
def test_steps_that_are_not_possible(learn, at):
    with pytest.raises(ValueError, match='at='): fit_steps(learn, 1, 1e-3, at)


def test_a_soup_is_the_mean_of_the_weights():
    a, b = dict(w=torch.tensor([1., 2.]), n=torch.tensor(3)), dict(
        w=torch.tensor([3., 6.]), n=torch.tensor(5))
    made = soup([a, b])
    assert made['w'].tolist() == [2, 4] and made['n'] == 5
    assert all(v.equal(net().state_dict()[k]) for k, v in soup([net().state_dict()]).items())
    with pytest.raises(ValueError, match='different'): soup([a, dict(w=torch.zeros(3))])
    with pytest.raises(ValueError, match='list of state dicts'): soup([])


def test_an_ensemble_is_the_mean_of_the_answers_and_leaves_the_learner(dls):
    def says(p):
        "Weights of a network that gives all pictures these probabilities."
        return {'1.weight': torch.zeros(10, 3072), '1.bias': torch.tensor(p).log()}
    learn = make_learner(dls, nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    before, rest = state(learn.model), [.05] * 8
    p, y = ensemble(learn, [says([.5, .1] + rest), says([.2, .4] + rest)])
    assert not moved(before, learn.model) and len(y) == 10
    assert torch.allclose(p, torch.tensor([.35, .25] + rest), atol=.005)  # bfloat16, maybe


# Reading results

TABLE = pd.DataFrame(dict(
    file=[*'abcde'], label=['x', 'x', 'y', 'y', 'y'], answer=['x', 'y', 'y', 'x', 'x'],
    p_label=[.9, .2, .6, .45, .1], p_answer=[.9, .8, .6, .55, .9]))


def test_the_answers_to_look_at_first():
    assert [*most(TABLE, 'right').file] == ['a', 'c']
    assert [*most(TABLE, 'wrong', 2).file] == ['e', 'b']
    assert [*most(TABLE, 'unsure', 2).file] == ['d', 'c']
    with pytest.raises(ValueError, match="kind='best'"): most(TABLE, 'best')


def test_what_is_confused_and_how_often():
    assert confused(TABLE).to_dict() == {('y', 'x'): 2, ('x', 'y'): 1}
    table = per_class(TABLE)
    assert table.right.to_dict() == {'x': 1, 'y': 1} and table.of.to_dict() == {'x': 2, 'y': 3}
    assert (table['from'] < table.share).all() and (table.share < table.to).all()


def test_an_answer_has_the_truths_probability_and_its_own(learn):
    table, (p, y) = answers(learn), learn.get_preds()
    assert [*table.file] == [*map(str, learn.dls.valid.items)]
    assert [*table.p_label] == approx(p[torch.arange(len(y)), y].tolist())
    assert [*table.p_answer] == approx(p.max(1).values.tolist())
    assert table.loss.mean() == approx(F.nll_loss(p.log(), y.long()).item(), rel=1e-5)
    assert (table.label == table.answer).mean() == approx(accuracy(p, y).item())


def test_answers_to_training_pictures_stay_beside_their_files(learn):
    table = answers(learn, learn.dls.train)
    labels = [learn.dls.vocab[i] for i in learn.dls.train.targets[0]]
    assert [*table.label] == labels and len(table) == 20


@pytest.mark.parametrize('right, n, low, high', [(0, 10, 0, .2775), (8, 10, .4902, .9433)])
def test_wilsons_interval(right, n, low, high):
    assert interval(right, n) == approx((low, high), abs=1e-4)


@pytest.mark.parametrize('right, n, message', [
    (0, 0, 'n=0'), (3, 2, 'more answers'), (-1, 2, 'right=-1')])
def test_what_is_no_share_is_refused(right, n, message):
    with pytest.raises(ValueError, match=message): interval(right, n)


def test_grad_cam_is_cam_where_that_exists():
    "Below one average and one linear layer the gradient of a map is its weight."
    with seeded(0): model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 4))
    x, classes = torch.rand(2, 3, 9, 9), torch.tensor([1, 3])
    maps = model[:2](x).detach()
    cam = torch.einsum('nk,nkhw->nhw', model[-1].weight[classes].detach(), maps).relu()
    cam = cam / cam.amax((1, 2), keepdim=True).clamp(min=1e-12)
    assert torch.allclose(grad_cam(model, x, classes), cam, atol=1e-5)


def test_grad_cam_of_a_frozen_network_changes_nothing():
    model = net().train()
    for p in model.parameters(): p.requires_grad_(False)
    before = state(model)
    heat = grad_cam(model, torch.rand(2, 3, 32, 32))
    assert 0 <= heat.min() and heat.max() <= 1 and model.training and not moved(before, model)
    with pytest.raises(ValueError, match='does not end with maps'):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.rand(1, 3, 2, 2))


# How sure

def some_answers(n, classes=4, seed=0):
    rng = torch.Generator().manual_seed(seed)
    logits = 2*torch.randn(n, classes, generator=rng)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=rng)[:, 0]


@pytest.mark.parametrize('true', [.5, 1, 3])
def test_the_temperature_is_found_again(true):
    logits, y = some_answers(4000)
    p = (logits * true).softmax(1)
    found = fit_temperature(p, y)
    assert found == approx(true, rel=.1)
    tempered = temper(p, found)
    assert F.nll_loss(tempered.log(), y) <= F.nll_loss(p.log(), y) + 1e-5
    assert tempered.argmax(1).equal(p.argmax(1))


def test_a_temperature_of_one_changes_nothing():
    p = some_answers(5)[0].softmax(1)
    assert torch.allclose(temper(p, 1), p, atol=1e-6)
    with pytest.raises(ValueError, match='temperature=0'): temper(p, 0)


def test_the_limit_by_hand():
    p = torch.tensor([[q, 1 - q] for q in (.9, .8, .7, .6)])
    y = torch.zeros(4, dtype=torch.long)
    assert conformal_limit(p, y, miss=.2) == approx(.6)  # the ⌈5 · 0.8⌉th score
    assert conformal_limit(p, y, miss=.4) == approx(.7)
    assert conformal_limit(p, y, miss=.1) == 0           # four pictures cannot promise 90 %
    assert conformal_sets(p, .7).tolist() == [[True, False]]*3 + [[False, False]]


@pytest.mark.parametrize('miss', [.05, .2])
def test_lists_hold_the_truth_as_often_as_promised(miss):
    held, (logits, truth) = [], some_answers(80 * 400)
    answers = (5*logits).softmax(1)  # overconfident: the promise does not depend on that
    for p, y in zip(answers.split(80), truth.split(80)):
        sets = conformal_sets(p[40:], conformal_limit(p[:40], y[:40], miss))
        held.append(sets[torch.arange(40), y[40:]].float().mean().item())
    assert 1 - miss - .01 < np.mean(held) < 1 - miss + 1/41 + .01


def test_impossible_answers_are_refused():
    p, y = some_answers(5)[0].softmax(1), torch.zeros(5, dtype=torch.long)
    for check in fit_temperature, conformal_limit:
        with pytest.raises(ValueError, match='targets is 4'): check(p, y[:4])
        with pytest.raises(ValueError, match='no answers'): check(p[:0], y[:0])
    with pytest.raises(ValueError, match='miss'): conformal_limit(p, y, miss=0)


# In a comparison

def test_a_recipe_may_start_from_a_trained_network():
    from sotatrain.experiment import Recipe
    from sotatrain.experiment.training import learner_of
    recipe = Recipe(data='doodlenette-20-10', arch={'pretrained': {}}, size=32, bs=5, epochs=1)
    found = activations(learner_of(recipe, seed=0).model, x := torch.rand(2, 3, 32, 32))
    assert torch.allclose(found, activations(pretrained(10), x), atol=1e-5)


# What users tried

class Squares(nn.Sequential):
    "A network whose answer depends on a number that is no weight."
    power = 2
    def forward(self, x): return self[1](self[0](x).relu().mean((2, 3)) ** self.power)


def test_features_follow_code_that_changed_while_the_weights_did_not(dls):
    with seeded(0): model = Squares(nn.Conv2d(3, 4, 3), nn.Linear(4, 10))
    before = features(model, dls.valid).x
    model.power = 1
    after = features(model, dls.valid).x
    assert (after**2).allclose(before, atol=1e-6) and not after.allclose(before)


@pytest.mark.parametrize('spoil', [
    lambda x: x[:2], lambda x: x[:, :2], lambda x: np.where(x == x.max(), np.nan, x)])
def test_features_on_disk_that_cannot_be_right_are_computed_anew(dls, spoil):
    model = net()
    right = features(model, dls.valid).x
    for file in (cache_folder()/'features').iterdir(): np.save(file, spoil(np.load(file)))
    assert features(model, dls.valid).x.equal(right)


def test_a_network_that_diverged_is_told_from_one_of_another_kind(dls):
    model = net()
    nn.init.constant_(last_layer(model).weight, torch.nan)
    with pytest.raises(ValueError, match='NaN'): features(model, dls.valid)


def test_training_pictures_are_judged_as_in_validation(learn):
    first, second = (answers(learn, learn.dls.train) for _ in range(2))
    assert first.loss.equals(second.loss) and len(first) == len(learn.dls.train.dataset)
    with pytest.raises(ValueError, match='no labels'):
        answers(learn, learn.dls.test_dl(learn.dls.valid.items[:2]))


@pytest.mark.parametrize('kind', [torch.int16, torch.int32, torch.uint8])
def test_targets_may_be_any_whole_numbers(kind):
    y = torch.arange(3).repeat(8)
    p = F.one_hot(y, 3) * .7 + .1
    small = y.to(kind)
    assert fit_temperature(p, small) == fit_temperature(p, y)
    assert conformal_limit(p, small) == conformal_limit(p, y)
    x = torch.randn(24, 2)
    assert fit_head(x.double(), small, 3).weight.equal(fit_head(x, y, 3).weight)


def test_what_is_no_probability_has_no_temperature():
    with pytest.raises(ValueError, match='logits'): temper(torch.randn(4, 3), 2.)


@pytest.mark.parametrize('weight', [torch.ones(2), [1, 1, 1], torch.tensor([1, 1, torch.nan])])
def test_importances_are_one_number_for_each_class(weight):
    with pytest.raises((TypeError, ValueError), match='weight'):
        fit_head(torch.randn(6, 2), torch.arange(3).repeat(2), 3, weight=weight)


@pytest.mark.parametrize('lr', [None, '1e-3', -1e-3, 0., torch.nan, [1e-3, 1e-3],
                                slice(-1e-3, 1e-3), slice(1e-3, float('inf'))])
def test_what_is_no_rate_trains_nothing(learn, lr):
    before = state(learn.model)
    for fit in fit_cycles, fit_steps:
        with pytest.raises((TypeError, ValueError), match='lr'): fit(learn, 1, lr)
    assert not moved(before, learn.model)


def test_rates_may_be_numpys(learn):
    assert [*what_trains(learn, np.float32(.25)).rate] == [.25] * 3
    assert [*what_trains(learn, np.array([.5, .25, 1])).rate] == [.5, .25, 1]


@pytest.mark.parametrize('groups, message', [
    (lambda groups: [*groups, []], 'group 3 has no parameters'),
    (lambda groups: [*groups, groups[0]], 'groups 2 times')])
def test_a_parameter_is_in_one_group(dls, groups, message):
    with pytest.raises(ValueError, match=message):
        transfer_learner(dls, net(), splitter=lambda model: groups(three_groups(model)))


@pytest.mark.parametrize('weights', [[], [nn.Linear(2, 2)], {'a': torch.ones(2)}])
def test_only_state_dicts_are_averaged(learn, weights):
    if isinstance(weights, dict): assert soup(weights)['a'].equal(torch.ones(2))
    else:
        with pytest.raises(ValueError, match='list of state dicts'): soup(weights)
        with pytest.raises(ValueError, match='list of state dicts'): ensemble(learn, weights)


@pytest.mark.parametrize('arch, size', [
    ('test_vit', 160), ('swin_tiny_patch4_window7_224', 224)])
def test_a_transformer_has_no_maps(arch, size):
    model = timm.create_model(arch)
    with pytest.raises(ValueError, match='does not end with maps'):
        grad_cam(model, torch.rand(1, 3, size, size))


@pytest.mark.parametrize('arch', ['test_convnext', 'test_efficientnet', 'test_resnet'])
def test_each_place_of_a_heat_map_is_one_of_the_picture(arch):
    heat = grad_cam(timm.create_model(arch), torch.rand(2, 3, 96, 64))
    assert heat.shape[1:] in [(3, 2), (6, 4), (12, 8)]


@pytest.mark.parametrize('classes', [[0, 1], torch.tensor([0]), torch.tensor([0, 10])])
def test_each_picture_has_one_class_to_explain(classes):
    with pytest.raises((TypeError, ValueError), match='classes'):
        grad_cam(net(), torch.rand(2, 3, 32, 32), classes)


@pytest.mark.parametrize('n', [None, '1', 1.5, True])
def test_groups_are_counted_in_whole_numbers(learn, n):
    with pytest.raises(TypeError, match='whole number'): freeze_groups(learn, n)
