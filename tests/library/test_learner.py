import pickle
import random
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from fastai.vision.all import (
    SGD,
    Callback,
    CancelFitException,
    CrossEntropyLossFlat,
    DataLoader,
    DataLoaders,
    Learner,
    load_learner,
    resnet18,
    xresnet18,
)

from sotatrain import learner
from sotatrain.core.forward import call_network
from sotatrain.learner import *
from sotatrain.presize import get_dls
from tests.networks import Net


@pytest.fixture
def dls(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    return get_dls(24, 8, tiny, presize=32, seed=0, device='cpu')


@pytest.fixture
def with_bf16(monkeypatch):
    "Pretend that every device has it: PyTorch imitates it elsewhere."
    monkeypatch.setattr(learner, 'has_bf16', lambda device: True)


# --- networks

@pytest.mark.parametrize('arch', [
    'xresnet18',
    'resnet18',
    xresnet18,
    resnet18,
    Net,
    partial(xresnet18, sa=True),
    lambda num_classes: Net(num_classes),
])
def test_networks_by_name_and_by_function(arch):
    model = make_model(arch, 7)
    assert model.eval()(torch.rand(2, 3, 64, 64)).shape == (2, 7)


def test_networks_of_timm():
    pytest.importorskip('timm')
    assert make_model('test_resnet', 7).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 7)


@pytest.mark.parametrize('arch,error,message', [
    ('xresnet81', ValueError, "did you mean 'xresnet18'"),
    ('?', ValueError, 'choose one such as xresnet50'),
    (lambda n: Net(n), TypeError, 'wrap it'),
])
def test_unknown_networks_are_errors(arch, error, message):
    with pytest.raises(error, match=message): make_model(arch, 7)


def test_without_timm_the_error_says_so(monkeypatch):
    monkeypatch.setattr(learner, '_timm', lambda: None)
    with pytest.raises(ValueError, match='timm, which has many more, is not installed'):
        make_model('test_resnet', 7)


# --- seeds

def test_seeded_repeats_and_leaves_outer_random_numbers_alone():
    def draw(): return random.random(), np.random.rand(), torch.rand(1).item()
    def start(): return random.seed(1), np.random.seed(1), torch.manual_seed(1)
    start()
    expected = draw()
    start()
    with seeded(5): first = draw()
    with pytest.raises(KeyError):
        with seeded(5):
            assert draw() == first
            raise KeyError
    assert draw() == expected


def test_same_seed_same_weights(dls):
    weights = [make_learner(dls, Net, seed=seed).model[0].weight for seed in (3, 3, 4)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


# --- bfloat16

def call(learn):
    "What the network puts out for a batch, called as the learner calls it."
    return call_network(learn, learn.dls.one_batch()[0])


def dtypes_inside(model):
    "A list to which each pass through the model's first layer adds the type of what comes out."
    seen = []
    model[0].register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    return seen


def test_bfloat16_inside_float32_outside(dls, with_bf16):
    learn = make_learner(dls, Net, seed=0)
    inside = dtypes_inside(learn.model)
    assert call(learn).dtype == torch.float32 and inside == [torch.bfloat16]
    assert not torch.is_autocast_enabled('cpu')


def test_training_validation_and_prediction_use_bfloat16(dls, with_bf16, tmp_path):
    learn = make_learner(dls, Net, seed=0)
    inside = dtypes_inside(learn.model)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        learn.get_preds()
    assert len(inside) >= 3*len(dls.valid) and {*inside} == {torch.bfloat16}
    learn.export(tmp_path/'model.pkl')
    again = load_learner(tmp_path/'model.pkl')
    inside = dtypes_inside(again.model)
    with again.no_bar(): again.get_preds(dl=again.dls.test_dl(dls.valid.items))
    assert {*inside} == {torch.bfloat16}


def test_only_the_network_computes_in_bfloat16(dls, with_bf16):
    seen = []
    class Look(Callback):
        order = 5
        def look(self): seen.append((torch.is_autocast_enabled('cpu'), self.model is model))
        before_batch = after_pred = after_loss = after_backward = look
    learn = make_learner(dls, Net, seed=0, cbs=Look())
    model = learn.model
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    assert {*seen} == {(False, True)}


def test_without_bf16_everything_is_float32(dls, with_bf16):
    learn = make_learner(dls, Net, bf16=False)
    inside = dtypes_inside(learn.model)
    call(learn)
    assert inside == [torch.float32]


def test_an_outer_autocast_stays_at_work_where_there_is_no_bf16(dls, monkeypatch):
    monkeypatch.setattr(learner, 'has_bf16', lambda device: False)
    learn = make_learner(dls, Net)
    inside = dtypes_inside(learn.model)
    with torch.autocast('cpu', torch.float16): call(learn)
    assert inside == [torch.float16]


@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError, CancelFitException])
@pytest.mark.parametrize('use', ['fit', 'validate', 'get_preds', 'lr_find'])
def test_what_ends_the_network_early_leaves_everything_as_it_was(
        dls, with_bf16, tmp_path, error, use):
    if use == 'lr_find' and error is CancelFitException: pytest.skip('no losses to look at')
    learn = make_learner(dls, Net, path=tmp_path)
    def fail(*_): raise error
    model, handle = learn.model, learn.model[0].register_forward_hook(fail)
    args = dict(fit=(1,)).get(use, ())
    with learn.no_bar(), learn.no_logging(), suppress(error): getattr(learn, use)(*args)
    assert learn.model is model and not torch.is_autocast_enabled('cpu')
    assert not torch.overrides._get_current_function_mode_stack()
    handle.remove()
    with learn.no_bar(), learn.no_logging(): learn.fit(1)


def test_a_batch_that_a_late_callback_skips_leaves_the_network_in_its_place(dls):
    learn = make_learner(dls, Net)
    model, (learn.xb, learn.yb) = learn.model, [(b,) for b in dls.one_batch()]
    learn('before_batch')
    learn('after_cancel_batch')
    assert learn.model is model


def test_after_an_interruption_in_the_last_instant_before_a_batch_training_goes_on(dls):
    learn = make_learner(dls, Net)
    model = learn.model
    xb, yb = dls.one_batch()
    learn.xb, learn.yb = (xb,), (yb,)
    learn('before_batch')  # and no call
    assert learn.model is not model and next(learn.model.parameters()).shape
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    assert learn.model is model


def test_a_copy_of_a_learner_uses_its_own_weights(dls, with_bf16):
    learn, xb = make_learner(dls, Net, seed=0), dls.one_batch()[0]
    learn.model.eval()
    for twin in (deepcopy(learn), pickle.loads(pickle.dumps(learn))):
        before = call_network(learn, xb)
        assert torch.equal(call_network(twin, xb), before)
        with torch.no_grad(): twin.model[-1].bias += 1
        assert torch.equal(call_network(learn, xb), before)
        assert not torch.equal(call_network(twin, xb), before)


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_devices_are_asked(device): assert has_bf16(device) in (True, False)


def test_bf16_predictions_are_close_to_fp32(dls, with_bf16):
    predictions = []
    for bf16 in (True, False):
        learn = make_learner(dls, Net, seed=0, bf16=bf16)
        with learn.no_bar(): predictions.append(learn.get_preds()[0])
    assert not torch.equal(*predictions) and torch.allclose(*predictions, atol=.02)


# --- learners

def test_a_learner_for_speed(dls):
    learn = make_learner(dls, Net, seed=0)
    assert isinstance(learn, Learner) and isinstance(learn.loss_func, CrossEntropyLossFlat)
    assert learn.model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert learn.model[-1].out_features == dls.c == 10
    assert [metric.name for metric in learn.metrics] == ['accuracy']


def test_what_make_learner_does_not_know_goes_to_learner(dls):
    learn = make_learner(dls, Net, opt_func=SGD, wd=.3, moms=(.9, .8, .9))
    assert learn.opt_func is SGD and learn.wd == .3


def test_data_without_classes_are_an_error():
    dl = DataLoader([(torch.rand(3, 8, 8), 0.)]*4, bs=2)
    with pytest.raises(ValueError, match='dls.c = 10'): make_learner(DataLoaders(dl, dl), Net)


def test_training_and_prediction_work(dls, tmp_path):
    learn = make_learner(dls, Net, seed=0)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-2)
        before = learn.get_preds()[0]
        learn.export(tmp_path/'model.pkl')
        again = load_learner(tmp_path/'model.pkl')
        with again.no_bar(): after = again.get_preds(dl=again.dls.test_dl(dls.valid.items))[0]
    assert torch.allclose(before, after, atol=1e-5)
    assert torch.allclose(before.sum(1), torch.ones(20), atol=1e-4)


# --- a loss that is no number

def test_a_diverging_loss_stops_the_run_with_a_sentence(dls):
    learn = make_learner(dls, Net, seed=0, opt_func=SGD, bf16=False)
    with learn.no_bar(), learn.no_logging(), pytest.raises(Diverged) as caught:
        learn.fit(3, 1e38)
    sentence = str(caught.value)
    assert sentence.startswith('the loss is ')
    assert 'at a learning rate of 1e+38: try a rate ten times lower' in sentence


def test_the_learning_rate_finder_may_diverge(dls):
    learn = make_learner(dls, Net, seed=0, opt_func=SGD, bf16=False, path=None)
    with learn.no_bar():
        learn.lr_find(start_lr=1e20, end_lr=1e38, num_it=20, stop_div=False,
                      show_plot=False, suggest_funcs=None)
    assert not torch.isfinite(torch.stack(learn.recorder.losses)).all()


# --- a bar instead of a table

class Bar:
    "Records what is done with a bar."
    def __init__(self, items, steps):
        self.total = len(items)
        self.steps = steps

    def update(self, value): self.steps += [value] if value else []
    def on_iter_end(self): self.steps.append('closed')


@pytest.fixture
def steps(monkeypatch):
    "What is done with the bars of a test."
    steps = []
    def bar(items, **kwargs): return Bar(items, steps)
    monkeypatch.setattr('sotatrain.core.bars.progress_bar', bar)
    monkeypatch.setattr('sotatrain.core.bars.shows_bars', lambda: True)
    return steps


def test_quietly_shows_the_time_left_and_leaves_nothing(dls, steps):
    learn = make_learner(dls, 'xresnet18', seed=0)
    before = {type(cb) for cb in learn.cbs}
    with quietly(learn) as inside:
        assert inside is learn
        learn.fit(2, 1e-3)
    batches = len(dls.train) + len(dls.valid)
    assert steps == [*range(1, 2*batches + 1)]
    assert {type(cb) for cb in learn.cbs} == before and hasattr(learn, 'progress')


@pytest.mark.parametrize('error', [KeyboardInterrupt, CancelFitException])
def test_the_bar_goes_when_training_ends_early(dls, steps, error):
    class Stop(Callback):
        def after_loss(self): raise error
    learn = make_learner(dls, 'xresnet18', seed=0, cbs=Stop())
    with suppress(KeyboardInterrupt), quietly(learn): learn.fit(1, 1e-3)
    assert steps[-1:] == ['closed'] and hasattr(learn, 'progress')


# --- what is refused, and where things are written

def test_a_batch_larger_than_the_training_set_is_an_error(tiny):
    dls = get_dls(24, 40, tiny, presize=32, device='cpu')
    dls.train.bs = 50  # `get_dls` refuses it
    learn = make_learner(dls, Net)
    with learn.no_bar(), learn.no_logging():
        with pytest.raises(ValueError, match='bs=50 is more than the 40 pictures'): learn.fit(1)


@pytest.mark.parametrize('data', [None, 34, torch.utils.data.DataLoader([1, 2])])
def test_other_things_than_dataloaders_are_errors(data):
    with pytest.raises(TypeError, match="it must be fastai's DataLoaders"):
        make_learner(data, Net)


@pytest.mark.parametrize('arch', [None, 34])
def test_other_things_than_networks_are_errors(dls, arch):
    with pytest.raises(TypeError, match="give a network's name"): make_learner(dls, arch)


def test_a_network_with_tuples_and_one_with_other_classes_are_errors(dls):
    class Two(Net):
        def forward(self, x): return (super().forward(x),)*2
    with pytest.raises(TypeError, match='a loss takes one tensor'):
        with (learn := make_learner(dls, Two)).no_bar(): learn.validate()
    with pytest.raises(ValueError, match='puts out 7 values .* dls.c=10'):
        with (learn := make_learner(dls, Net(7))).no_bar(): learn.validate()


def test_a_network_that_is_made_already_is_kept(dls):
    network = Net(10)
    assert make_learner(dls, network).model is network


def test_a_name_of_two_libraries_is_proposed_once():
    with pytest.raises(ValueError) as caught: make_model('timm/resnet18', 7)
    assert str(caught.value).count("'resnet18'") == 1


def test_predictions_that_are_no_numbers_stop_the_validation(dls):
    learn = make_learner(dls, Net, seed=0)
    with torch.no_grad(): learn.model[-1].bias[0] = float('nan')
    with learn.no_bar(), pytest.raises(Diverged, match='predictions are NaN'): learn.validate()


def test_what_a_learner_writes_is_not_between_the_pictures(dls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learn = make_learner(dls, Net)
    learn.save('weights')
    assert (tmp_path/'models'/'weights.pth').exists() and learn.path != dls.path


# --- the network is a plain one

@pytest.fixture(scope='module')
def fitted(tiny, tmp_path_factory):
    "A network that has learned in bfloat16."
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.mktemp('cache')))
        patch.setattr(learner, 'has_bf16', lambda device: True)
        dls = get_dls(24, 8, tiny, presize=32, seed=0, device='cpu')
        learn = make_learner(dls, 'xresnet18', seed=0)
        with learn.no_bar(), learn.no_logging(): learn.fit(1)
    return learn.model.eval()


@pytest.mark.parametrize('deploy', [
    lambda model, x: torch.export.export(model, (x,)).module(),
    lambda model, x: torch.jit.trace(model, x),
    lambda model, x: torch.fx.symbolic_trace(model),
    lambda model, x: torch.compile(model, backend='eager', fullgraph=True),
    lambda model, x: deepcopy(model),
    lambda model, x: pickle.loads(pickle.dumps(model)),
    lambda model, x: partial(torch.func.functional_call, model, dict(model.named_parameters())),
])
def test_a_trained_network_deploys_like_a_plain_one(fitted, deploy):
    model, x = deepcopy(fitted), torch.rand(2, 3, 32, 32)
    plain = make_model('xresnet18', 10).eval()
    plain.load_state_dict(model.state_dict())
    assert [type(m) for m in model.modules()] == [type(m) for m in plain.modules()]
    assert not any('forward' in vars(m) for m in model.modules())
    with torch.no_grad(): assert torch.allclose(deploy(model, x)(x), plain(x), atol=1e-4)


def test_a_trained_network_is_a_graph_of_onnx(dls):
    pytest.importorskip('onnxscript')
    from onnx.reference import ReferenceEvaluator
    learn = make_learner(dls, Net, seed=0)
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    model, x = learn.model.eval(), torch.rand(2, 3, 32, 32)
    graph = torch.onnx.export(model, (x,), dynamo=True, verbose=False).model_proto
    found, = ReferenceEvaluator(graph).run(None, {graph.graph.input[0].name: x.numpy()})
    assert np.allclose(found, model(x).detach().numpy(), atol=1e-4)


def test_a_learners_network_trains_in_several_processes(dls, tmp_path):
    "One process here; the appendix on the pieces has two."
    model = make_learner(dls, Net, seed=0).model
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/meeting', rank=0, world_size=1)
    shared = torch.nn.parallel.DistributedDataParallel
    try: shared(model)(torch.rand(4, 3, 32, 32)).sum().backward()
    finally: torch.distributed.destroy_process_group()
    assert all(p.grad.abs().sum() > 0 for p in model[-1].parameters())


def test_the_auxiliary_outputs_of_a_network_are_named(dls):
    "googlenet puts out a named tuple of its own while it trains."
    class Outputs(NamedTuple):
        logits: torch.Tensor
        aux: torch.Tensor
    class Net2(Net):
        def forward(self, x): return Outputs(super().forward(x), super().forward(x))
    for bf16 in (True, False):
        with (learn := make_learner(dls, Net2(10), bf16=bf16)).no_bar():
            with pytest.raises(TypeError, match='puts out a Outputs'): learn.validate()


def test_loaders_of_pytorch_are_refused(dls):
    loader = torch.utils.data.DataLoader([1, 2])
    loaders = DataLoaders(loader, loader)
    loaders.c = 2
    with pytest.raises(TypeError, match="make each loader with fastai's DataLoader"):
        make_learner(loaders, Net)

