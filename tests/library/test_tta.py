import math
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.vision.all import (
    BCEWithLogitsLossFlat,
    Callback,
    CancelBatchException,
    CancelValidException,
    CrossEntropyLossFlat,
    FocalLossFlat,
    LabelSmoothingCrossEntropyFlat,
    Learner,
    MSELossFlat,
    ProgressCallback,
    RandomErasing,
    load_learner,
    nn,
    noop,
    partial,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.calibration import calibration_curve

from sotatrain import presize
from sotatrain.core.forward import call_network
from sotatrain.data import class_name, datablock_dls, image_files
from sotatrain.learner import Diverged, StopIfDiverged, make_learner
from sotatrain.normalize import CheckNormalize, Normalize
from sotatrain.presize import (
    Augment,
    Squares,
    centre_crop,
    get_dls,
    upright_crop,
)
from sotatrain.tta import *
from tests.networks import Net


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.getbasetemp()/'tta-cache'))


def new_learner(tiny, **kwargs):
    learn = make_learner(get_dls(32, 8, tiny, presize=40, seed=0), Net, seed=0, **kwargs)
    learn.remove_cb(ProgressCallback)
    # so that training and evaluation mode differ
    with torch.no_grad(): learn.model[1].running_mean += .3
    return learn


@pytest.fixture
def learn(tiny): return new_learner(tiny)


def small_pictures(n=3, side=40):
    "Pixels tell where they are: red grows from left to right, green from top to bottom."
    ramp = np.linspace(0, 255, side).round().astype(np.uint8)
    x, y = np.meshgrid(ramp, ramp)
    images = torch.from_numpy(np.stack([np.stack([x, y, 0*x], -1)]*n))
    return Squares(images, torch.arange(n), torch.tensor([1., 2., .5])[:n])

def pictures(size=16):
    squares = small_pictures()
    return Pictures(squares, centre_crop(squares, size), Augment())


# --- views

def test_five_crops_are_the_expected_pixels():
    "Against Pillow: the true picture is cropped, then resized."
    given = pictures()
    crops = [*five_crop_views(given, 4, None)]
    assert len(crops) == 4
    for i, aspect in enumerate(given.squares.aspects.tolist()):
        # a window of the true picture is a rectangle of the stored square
        stored = Image.fromarray(given.squares.images[i].numpy())
        width, height = 40 * .875 * min(1, 1/aspect), 40 * .875 * min(1, aspect)
        for (x, y), crop in zip(((-1, -1), (1, -1), (-1, 1), (1, 1)), crops):
            left, top = (0 if x < 0 else 40 - width), (0 if y < 0 else 40 - height)
            box = left, top, left + width, top + height
            expected = stored.resize((16, 16), Image.Resampling.BILINEAR, box=box)
            difference = np.asarray(expected)/255 - crop[i].permute(1, 2, 0).numpy()
            assert np.abs(difference).max() < 1.1/255


def test_corners_reach_the_corners():
    crops, given = [*five_crop_views(pictures(), 4, None)], pictures()
    left, top = crops[0][:, 0, :, 0], crops[0][:, 1, 0]
    right, bottom = crops[1][:, 0, :, -1], crops[2][:, 1, -1]
    assert left.max() < .05 and top.max() < .05
    assert right.min() > .95 and bottom.min() > .95
    assert given.plain[1, 0].min() > .2  # its left end is not in the plain view


def test_the_mirror_image():
    crops = [*flip_views(pictures(), 4, None)]
    assert len(crops) == 1 and torch.equal(crops[0].flip(-1), pictures().plain)


def test_scales_go_from_large_to_small_and_not_beyond_the_store():
    def sizes(size, n):
        return [crop.shape[-1] for crop in multi_scale_views(pictures(size), n, None)]
    assert sizes(32, 4) == [40, 32, 32, 24]
    assert sizes(40, 3) == [40, 40, 32]
    assert sizes(32, 1) == [40]


def test_random_views_differ_and_repeat():
    def views(): return [*random_views(pictures(), 3, torch.Generator().manual_seed(5))]
    a, b = views(), views()
    assert all(map(torch.equal, a, b)) and not torch.equal(a[0], a[1])


# --- merging

def as_distributions(rows):
    return [F.normalize(torch.tensor([row], dtype=torch.float64), p=1) for row in rows]

three_numbers = st.lists(st.floats(1e-6, 1), min_size=3, max_size=3)
distributions = st.lists(three_numbers, min_size=1, max_size=5).map(as_distributions)

@settings(max_examples=50, deadline=None)
@given(distributions, st.sampled_from(['mean', 'max', 'gmean']), st.none() | st.floats(0, 1))
def test_rows_sum_to_one(views, merge, beta):
    merged = merge_views(views[0], iter(views[1:]), merge, beta)
    assert merged.sum().item() == pytest.approx(1) and (merged >= 0).all()


@settings(max_examples=30, deadline=None)
@given(distributions, st.floats(0, 1))
def test_merging_by_the_formula(views, beta):
    stacked, n = torch.stack(views), len(views) - 1
    weights = [beta] + [(1 - beta) / n]*n if n else [1.]
    w = torch.tensor(weights, dtype=torch.float64)[:, None, None]
    expected = {
        'mean': (w * stacked).sum(0),
        'gmean': (stacked**w).prod(0),
        'max': stacked.amax(0),
    }
    for merge, e in expected.items():
        merged = merge_views(views[0], views[1:], merge, beta)
        assert torch.allclose(merged, e / e.sum(), atol=1e-9)


def test_equal_views_are_left_as_they_are():
    p = torch.tensor([[.7, .2, .1]])
    for merge in ('mean', 'max', 'gmean'):
        assert torch.allclose(merge_views(p, [p, p], merge), p)


def test_an_impossible_class_does_not_break_the_geometric_mean():
    merged = merge_views(torch.tensor([[1., 0.]]), [torch.tensor([[0., 1.]])], 'gmean', beta=.5)
    assert torch.allclose(merged, torch.tensor([[.5, .5]]))


def test_averaged_logits_are_the_geometric_mean():
    logits = torch.randn(4, 6, 10, dtype=torch.float64)
    p = logits.softmax(-1)
    merged = merge_views(p[0], p[1:], 'gmean', beta=None)
    assert torch.allclose(merged, logits.mean(0).softmax(-1))


# --- the whole

def plain(learn, dl=None):
    with learn.no_bar(): return learn.get_preds(dl=dl)


def test_without_views_it_is_plain_prediction(learn):
    p, targets = tta(learn, n=0)
    expected, expected_targets = plain(learn)
    assert torch.allclose(p, expected, atol=1e-5) and torch.equal(targets, expected_targets)


def test_the_mean_is_fastais_lerp(learn):
    "With given views, mean and beta are what fastai's `tta` makes of them."
    p, _, views = tta(learn, n=3, return_views=True, beta=.3)
    expected = torch.lerp(views[1:].mean(0), views[0], .3)
    assert views.shape == (4, 20, 10) and torch.allclose(p, expected, atol=1e-6)


def test_views_are_what_the_network_says_of_them(learn):
    _, _, views = tta(learn, views='five_crop', return_views=True)
    dl = learn.dls.valid
    squares = dl.squares([*range(20)])
    plain = centre_crop(squares, 32)
    crops = [plain, *five_crop_views(Pictures(squares, plain, None), 4, None)]
    learn.model.eval()
    with torch.no_grad(): expected = [call_network(learn, crop).softmax(-1) for crop in crops]
    assert torch.allclose(views, torch.stack(expected), atol=1e-5)


class Symmetric(nn.Module):
    "A network that gives a picture and its mirror image the same answer."
    def __init__(self, n_out):
        super().__init__()
        self.net = Net(n_out)
    def forward(self, x): return self.net(x) + self.net(x.flip(-1))


def test_a_network_that_does_not_see_flips(tiny):
    learn = make_learner(get_dls(32, 8, tiny, presize=40), Symmetric, seed=0)
    with learn.no_bar():
        expected, _ = tta(learn, n=0)
        for merge in ('mean', 'max', 'gmean'):
            assert torch.allclose(tta(learn, views='flip', merge=merge)[0], expected, atol=1e-5)


@pytest.mark.parametrize('merge', ['mean', 'max', 'gmean'])
@pytest.mark.parametrize('loss', [
    CrossEntropyLossFlat(),
    nn.CrossEntropyLoss(),
    F.cross_entropy,
    LabelSmoothingCrossEntropyFlat(),
    FocalLossFlat(),
    BCEWithLogitsLossFlat(),
    MSELossFlat(),
])
def test_rows_sum_to_one_whatever_the_loss(learn, loss, merge):
    learn.loss_func = loss
    p, _ = tta(learn, n=2, merge=merge)
    assert torch.allclose(p.sum(1), torch.ones(20)) and (p >= 0).all()
    if not isinstance(loss, BCEWithLogitsLossFlat):
        learn.loss_func = CrossEntropyLossFlat()
        assert torch.allclose(p, tta(learn, n=2, merge=merge)[0])


def test_a_network_that_gives_log_probabilities(tiny):
    learn = new_learner(tiny, bf16=False)  # with more than 3 digits
    expected, _ = tta(learn, n=2)
    learn.model.append(nn.LogSoftmax(-1))
    learn.loss_func = nn.NLLLoss()
    assert torch.allclose(tta(learn, n=2)[0], expected, atol=1e-6)


def test_seeds_repeat_and_leave_chance_alone(learn):
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    a, b, c = (tta(learn, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(state, torch.random.get_rng_state())


def test_order_of_the_files_from_a_loader_that_shuffles_and_drops(learn):
    expected, targets = tta(learn, views='five_crop')
    wild = learn.dls.valid.new(shuffle=True, drop_last=True, bs=8)
    p, t = tta(learn, dl=wild, views='five_crop')
    assert len(p) == 20 and torch.allclose(p, expected, atol=1e-6) and torch.equal(t, targets)
    train, t = tta(learn, ds_idx=0, n=0)
    names = [class_name(file.parent.name) for file in learn.dls.train.items]
    assert len(train) == 40 and [learn.dls.vocab[i] for i in t] == names


def test_training_pictures_are_predicted_from_their_centre_crops(learn):
    files = learn.dls.train.items
    expected, _ = tta(learn, dl=learn.dls.test_dl(files), n=0)
    assert torch.allclose(tta(learn, ds_idx=0, n=0)[0], expected, atol=1e-6)


def test_without_labels_and_one_picture(learn):
    expected, _ = tta(learn, views='five_crop')
    p, targets = tta(learn, dl=learn.dls.test_dl(learn.dls.valid.items[:1]), views='five_crop')
    assert targets is None and p.shape == (1, 10) and torch.allclose(p, expected[:1], atol=1e-5)
    labelled = learn.dls.test_dl(learn.dls.valid.items[:3], with_labels=True)
    assert tta(learn, dl=labelled, n=1)[1] is not None


def test_a_learner_loaded_from_an_export(learn, tmp_path):
    expected, _ = tta(learn, views='five_crop')
    learn.export(tmp_path/'model.pkl')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        loaded = load_learner(tmp_path/'model.pkl')
    files = learn.dls.valid.items
    p, targets = tta(loaded, dl=loaded.dls.test_dl(files), views='five_crop')
    assert targets is None and torch.allclose(p, expected, atol=1e-5)
    with pytest.raises(ValueError, match='an exported learner has none of its own'): tta(loaded)


@pytest.mark.parametrize('n', [0, 1, 5])
def test_each_file_is_decoded_once_whatever_n(learn, monkeypatch, tmp_path, n):
    "Pictures that are not in the store."
    files = []
    for i, file in enumerate(learn.dls.valid.items[:5]):
        files.append(tmp_path/f'{i}.jpg')
        files[-1].write_bytes(file.read_bytes())
    decoded, load = [], presize.load_square
    def watched(file, side):
        decoded.append(file)
        return load(file, side)
    monkeypatch.setattr(presize, 'load_square', watched)
    tta(learn, dl=learn.dls.test_dl(files, bs=2), n=n)
    assert sorted(decoded) == files


def test_nothing_is_decoded_that_is_stored(learn, monkeypatch):
    monkeypatch.setattr(presize, 'load_square', None)
    tta(learn, n=2)


def test_batches_are_normalized_as_in_training(tiny):
    dls = get_dls(32, 8, tiny, presize=40, after_batch=Normalize())
    learn = make_learner(dls, Net, seed=0, cbs=CheckNormalize())
    bare = get_dls(32, 8, tiny, presize=40).valid
    with learn.no_bar():
        assert torch.allclose(tta(learn, n=0)[0], plain(learn)[0], atol=1e-5)
        with pytest.raises(ValueError, match='no normalization'): tta(learn, dl=bare)


def test_what_is_random_in_training_only_is_left_out(tiny):
    "Even of training pictures: fastai's RandomErasing is a transform for training only."
    erase = RandomErasing(p=1., sl=.5, max_count=3)
    learn = make_learner(get_dls(32, 8, tiny, presize=40, after_batch=erase), Net, seed=0)
    bare = make_learner(get_dls(32, 8, tiny, presize=40), Net, seed=0)
    split = learn.dls.train.after_batch.split_idx
    with learn.no_bar(), bare.no_bar():
        answers, expected = (tta(each, ds_idx=0, n=0)[0] for each in (learn, bare))
        assert torch.allclose(answers, expected, atol=1e-6)
    assert learn.dls.train.after_batch.split_idx == split


def test_the_model_gets_its_mode_back(learn):
    for training in (True, False):
        learn.model.train(training)
        tta(learn, n=1)
        assert learn.model.training == training
    learn.model.train()
    learn.model[0].forward = lambda x: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt): tta(learn, n=1)
    assert learn.model.training


def test_no_gradients_and_no_changes(learn):
    callbacks, dls = [*learn.cbs], learn.dls
    weights = {name: value.clone() for name, value in learn.model.state_dict().items()}
    p, _ = tta(learn)
    assert not p.requires_grad and [*learn.cbs] == callbacks and learn.dls is dls
    after = learn.model.state_dict()
    for name, weight in weights.items(): assert torch.equal(after[name], weight)
    p.requires_grad_().sum().backward()  # what comes out may be used for anything


def test_views_of_the_readers_own(learn):
    def squished(pictures, n, generator):
        windows = torch.tensor([[0., 0, 1, 1]]).expand(len(pictures.squares), 4)
        yield upright_crop(pictures.squares, windows, pictures.size)
    close = partial(five_crop_views, share=.5)
    assert tta(learn, views=squished, return_views=True)[2].shape == (2, 20, 10)
    assert tta(learn, views=close, n=3, return_views=True)[2].shape == (4, 20, 10)
    message = r'a view has the shape \(3, 16, 16\): for this batch it must be 8 × 3'
    with pytest.raises(ValueError, match=message):
        tta(learn, views=lambda pictures, n, generator: [torch.zeros(3, 16, 16)])


def test_five_crop_has_four_views_and_flip_one(learn):
    def passes(**kwargs): return len(tta(learn, return_views=True, **kwargs)[2])
    assert passes(n=9, views='five_crop') == 5
    assert passes(n=9, views='flip') == 2
    assert passes(n=2, views='five_crop') == 3


def test_the_memory_does_not_grow_with_n(learn):
    "What is alive while the last view of a batch is predicted: as much for 2 views as for 20."
    import gc
    alive = []
    gc.freeze()  # what there is already would take seconds to look at, again and again
    def is_tensor(o): return type(o) is torch.Tensor and o.device.type == 'cpu'
    def count(*_):
        tensors = filter(is_tensor, gc.get_objects())
        alive.append(sum(tensor.untyped_storage().nbytes() for tensor in tensors))
    hook = learn.model.register_forward_hook(count)
    most = {}
    for n in (2, 20):
        alive.clear()
        tta(learn, n=n)
        most[n] = max(alive)
    hook.remove()
    gc.unfreeze()
    assert most[20] <= most[2] + 20_000


def test_a_progress_bar_where_the_learner_has_one(learn, capsys):
    tta(learn, n=1)
    assert not capsys.readouterr().out
    learn.add_cb(ProgressCallback())
    tta(learn, n=1)
    assert '100.00% [3/3' in capsys.readouterr().out


@pytest.mark.parametrize('args,message', [
    (dict(n=-1), 'n=-1: it must be 0 or more'),
    (dict(n=1.5), 'n=1.5: it must be a whole number'),
    (dict(n=True), 'n=True'),
    (dict(views='corners'), "views='corners': choose one of random, flip, five_crop, multi_"),
    (dict(merge='median'), "merge='median': choose one of mean, max, gmean"),
    (dict(beta=2), 'beta=2: it must be between 0 and 1'),
    (dict(beta='x'), "beta='x'"),
    (dict(seed=-1), 'seed=-1'),
])
def test_bad_parameters_are_errors_that_name_them(learn, args, message):
    with pytest.raises((ValueError, TypeError), match=message): tta(learn, **args)


def test_data_that_decode_for_each_view(learn, tiny):
    theirs = datablock_dls(tiny, 16, 8, workers=0).valid
    with pytest.raises(TypeError, match="make the data with sotatrain's get_dls"):
        tta(learn, dl=theirs)


def own_labels(tiny, labels):
    files = image_files(tiny)
    labels = [labels(file) for file in files]
    dls = get_dls(16, 8, files=files, labels=labels, presize=24, seed=0)
    return make_learner(dls, Net, seed=0)


def test_of_several_labels_each_is_merged_by_itself(tiny):
    learn = own_labels(tiny, lambda file: [file.parent.name, file.stem[-1]])
    p, y, views = tta(learn, views='flip', return_views=True)
    assert p.shape == y.shape and views.shape == (2, *p.shape) and p.shape[1] > 10
    torch.testing.assert_close(p, .25 * views[0] + .75 * views[1])
    with learn.no_bar(): plain, targets = learn.get_preds()
    torch.testing.assert_close(tta(learn, n=0)[0], plain)
    assert torch.equal(y, targets)
    strongest = views.amax(0) / (views.amax(0) + (1 - views).amax(0))
    torch.testing.assert_close(tta(learn, views='flip', merge='max')[0], strongest)


def test_numbers_are_refused(tiny):
    learn = own_labels(tiny, lambda file: 1. + len(file.name))
    with pytest.raises(ValueError, match='average what get_preds gives'): tta(learn)


# --- calibration

def answers(n=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(n, 5, generator=generator).mul(2).softmax(-1)
    return probabilities, torch.randint(5, (n,), generator=generator)


def test_bins_against_scikit_learn():
    p, targets = answers()
    right = (p.argmax(-1) == targets).numpy()
    accuracy, confidence = calibration_curve(right, p.amax(-1).double().numpy(), n_bins=10)
    table = calibration_bins(p, targets, 10)
    assert table.accuracy.tolist() == pytest.approx(accuracy.tolist())
    assert table.confidence.tolist() == pytest.approx(confidence.tolist())
    assert table['count'].sum() == 500


def test_the_error_by_hand():
    p = torch.tensor([[.9, .1], [.9, .1], [.6, .4], [.6, .4]])
    # 1 − .9 and .6 − .5
    assert calibration_error(p, torch.tensor([0, 0, 0, 1])) == pytest.approx((2*.1 + 2*.1) / 4)
    assert calibration_error(torch.eye(3), torch.tensor([0, 1, 2])) == 0  # sure, and right


def test_a_network_that_tells_the_truth_is_calibrated():
    p, _ = answers(50_000)
    targets = torch.multinomial(p, 1, generator=torch.Generator().manual_seed(1)).flatten()
    overconfident = p**2 / (p**2).sum(1, keepdim=True)
    assert calibration_error(p, targets) < .015 < calibration_error(overconfident, targets)


def test_the_plot_shows_each_name():
    ax = plot_reliability({'a': answers(), 'b': answers(seed=1)})
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.split(',')[0] for label in labels] == ['a', 'b']
    assert f'ECE {100*calibration_error(*answers()):.1f} %' in labels[0]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 6), st.integers(1, 5), st.integers(0, 99), st.floats(-3, 30), st.booleans())
def test_a_calibration_error_is_a_share_or_a_refusal(n, classes, seed, bins, as_logits):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator)
    given = logits if as_logits else logits.softmax(-1)
    targets = torch.randint(-1, classes + 1, (n,), generator=generator)
    bins = int(bins) if seed % 2 else bins
    try: error = calibration_error(given, targets, bins)
    except (ValueError, TypeError) as refusal:
        assert re.search('probabilities|targets|bins', str(refusal))
    else:
        assert 0 <= error <= 1 and not as_logits and classes > 1 and n
        assert isinstance(bins, int) and bins > 0
        assert 0 <= targets.min() <= targets.max() < classes


P, T = answers(6)

@pytest.mark.parametrize('given,message', [
    ((torch.full((9, 5), math.nan), torch.zeros(9).long()), 'NaN or infinite'),
    ((torch.randn(6, 5).mul(9), T), r'look like logits: use .softmax\(-1\)'),
    ((100*P, T), 'these look like percentages, divide them by 100'),
    ((P[:, :1], T), 'has 1 column: it must have one for each class'),
    ((P[:, 0], T), 'probabilities is 6: it must be n × classes'),
    ((P.numpy(), T), 'is a NumPy array: it must be a tensor, as torch.from_numpy'),
    ((P.tolist(), T), 'is a list: it must be a tensor'),
    ((P, T.numpy()), 'targets is a NumPy array'),
    ((P, T[:3]), 'targets is 3: it must be 6'),
    ((P, F.one_hot(T, 5)), 'targets is 6 × 5: it must be 6'),
    ((P, T.float()), 'targets has values of type float32: they must be whole numbers'),
    ((P, T + 5), 'they must be between 0 and 4'),
    ((P, T - 5), 'they must be between 0 and 4'),
    ((P[:0], T[:0]), 'there are no probabilities'),
    ((P, T, 0), 'bins=0: it must be 1 or more'),
    ((P, T, -1), 'bins=-1'),
    ((P, T, 1.5), 'bins=1.5: it must be a whole number'),
])
def test_calibration_refuses_what_are_no_answers(given, message):
    plt.close('all')
    for measure in (calibration_error, calibration_bins):
        with pytest.raises((ValueError, TypeError), match=message): measure(*given)
    bins = given[2:]
    with pytest.raises((ValueError, TypeError), match=message):
        plot_reliability({'a': given[:2]}, *bins)
    assert not plt.get_fignums()  # nothing half-drawn is left


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_calibration_of_other_precisions_and_of_what_has_a_gradient(dtype):
    expected = calibration_error(P, T)
    p = P.to(dtype).requires_grad_()
    assert calibration_error(p, T) == pytest.approx(expected, abs=.01)
    assert calibration_error(P, T.to(torch.uint8), np.int64(15)) == expected


@pytest.mark.parametrize('predictions', [(P, T), {}, {'a': P}, {'a': (P, T, P)}, None])
def test_a_plot_needs_pairs_with_names(predictions):
    with pytest.raises(TypeError, match='give a dict from a name to a pair'):
        plot_reliability(predictions)


# --- the way of a validation

class Darker(Callback):
    "Changes each batch, in validation too."
    def before_batch(self): self.learn.xb = (self.x * .5,)

class Sharper(Callback):
    "Changes each answer."
    def after_pred(self): self.learn.pred = 3*self.pred


@pytest.mark.parametrize('callback', [Darker, Sharper])
def test_a_callback_that_changes_validation_changes_views(learn, callback):
    before = tta(learn, n=0)[0]
    learn.add_cb(callback())
    p, targets = tta(learn, n=0)
    expected, expected_targets = plain(learn)
    assert torch.allclose(p, expected, atol=1e-5) and torch.equal(targets, expected_targets)
    assert not torch.allclose(p, before, atol=1e-3)
    views = tta(learn, n=3, return_views=True)[2]
    assert torch.allclose(views[0], expected, atol=1e-5)


def test_each_view_is_a_batch_and_the_whole_is_one_validation(learn):
    heard = []
    class Listen(Callback):
        def before_validate(self): heard.append('before_validate')
        def after_validate(self): heard.append('after_validate')
        def before_batch(self): heard.append((self.iter, self.n_iter, len(self.y)))
        def after_loss(self): assert self.loss.isfinite() and not self.training
        def before_epoch(self): heard.append('before_epoch')
    learn.add_cb(Listen())
    tta(learn, n=1)
    batches = [(0, 3, 8)]*2 + [(1, 3, 8)]*2 + [(2, 3, 4)]*2
    assert heard == ['before_validate', *batches, 'after_validate']


def test_callbacks_for_training_only_and_records_of_training_are_left_out(learn):
    class Fails(Callback):
        run_valid = False
        def before_batch(self): raise AssertionError
    learn.add_cb(Fails())
    values = learn.recorder.values = [[1., 2.]]
    tta(learn, n=1)
    assert learn.recorder.values is values == [[1., 2.]]


def test_it_can_be_called_while_the_learner_trains(tiny):
    def trained(*callbacks):
        learn = new_learner(tiny)
        learn.logger = noop
        learn.fit(2, 1e-3, cbs=list(callbacks))
        return torch.cat([w.flatten() for w in learn.model.state_dict().values()]), learn
    answers = []
    class Look(Callback):
        def after_batch(self):
            if self.iter == 1: answers.append(tta(self.learn, n=1)[0])
        def after_epoch(self): answers.append(tta(self.learn, n=1)[0])
        def after_validate(self): answers.append(tta(self.learn, n=1)[0])
    weights, learn = trained(Look())
    expected, _ = trained()
    assert torch.equal(weights, expected) and len(learn.recorder.values) == 2
    assert torch.equal(answers[-1], tta(learn, n=1)[0])


@pytest.mark.parametrize('event,error,message', [
    ('before_batch', CancelBatchException, 'a callback has cancelled a batch'),
    ('after_pred', CancelValidException, 'a callback has cancelled the validation'),
    ('before_validate', CancelValidException, 'a callback has cancelled the validation'),
])
def test_a_callback_that_cancels_is_no_answer(learn, event, error, message):
    class Cancels(Callback): pass
    def cancel(self): raise error
    setattr(Cancels, event, cancel)
    learn.add_cb(Cancels())
    with pytest.raises(ValueError, match=message): tta(learn)


def test_after_an_error_the_learner_is_as_before(learn):
    def state(): return {k: v for k, v in vars(learn).items() if k != 'recorder'}
    before, callbacks = state(), learn.cbs
    learn.model[0].forward = lambda x: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt): tta(learn)
    assert state() == before and learn.cbs is callbacks


# --- what cannot be predicted

def new_files(learn, folder, n=5):
    files = [folder/f'{i}.jpg' for i in range(n)]
    for new, old in zip(files, learn.dls.valid.items): new.write_bytes(old.read_bytes())
    return files


@pytest.mark.parametrize('damage', [b'', b'no picture', None])
def test_an_unreadable_picture_is_named_and_the_other_answers_are_kept(learn, tmp_path, damage):
    files = new_files(learn, tmp_path)
    dl = learn.dls.test_dl(files, bs=2)  # it reads the headers: what is damaged later, passes
    expected, _ = tta(learn, dl=dl, views='five_crop')
    for i in (1, 4):
        if damage is None: files[i].unlink()
        else: files[i].write_bytes(damage)
    with pytest.raises(UnreadablePictures) as raised:
        tta(learn, dl=dl, views='five_crop')
    error = raised.value
    assert str(files[1]) in str(error) and str(files[4]) in str(error)
    assert list(error.failed) == [1, 4] and error.read == [0, 2, 3]
    probabilities, targets = error.result
    assert targets is None and torch.allclose(probabilities, expected[[0, 2, 3]], atol=1e-5)


def test_if_no_picture_can_be_read_there_is_no_result(learn, tmp_path):
    file, = new_files(learn, tmp_path, 1)
    dl = learn.dls.test_dl([file])
    file.write_bytes(b'')
    with pytest.raises(UnreadablePictures, match='1 of 1 pictures') as raised:
        tta(learn, dl=dl)
    assert raised.value.result is None and isinstance(raised.value, ValueError)


def test_answers_that_are_not_finite_are_refused(learn):
    with torch.no_grad(): learn.model[-1].bias[0] = math.nan
    with pytest.raises(Diverged, match='NaN or infinite'): tta(learn, n=1)
    learn.remove_cb(StopIfDiverged)
    with pytest.raises(ValueError, match='NaN or infinite'): tta(learn, n=1)


def test_a_network_with_one_output_is_refused(tiny):
    learn = Learner(get_dls(32, 8, tiny, presize=40), Net(1), CrossEntropyLossFlat())
    with learn.no_bar(), pytest.raises(ValueError, match='has 1 column'): tta(learn, n=0)


@pytest.mark.parametrize('make,message', [
    (lambda p, n, g: [p.plain.numpy()], 'a view is a NumPy array'),
    (lambda p, n, g: [p.plain.byte()], 'a view has values of type uint8: they must be floats'),
])
def test_views_that_are_none(learn, make, message):
    with pytest.raises(TypeError, match=message): tta(learn, views=make)


@pytest.mark.parametrize('call,message', [
    (lambda learn: tta(learn.model), 'Net is no Learner'),
    (lambda learn: tta(learn, ds_idx=2), 'ds_idx=2: choose one of 0, 1'),
    (lambda learn: tta(learn, ds_idx='valid'), "ds_idx='valid': choose one of 0, 1"),
    (lambda learn: [*five_crop_views(pictures(), -1, None)], 'n=-1: it must be 0 or more'),
    (lambda learn: [*random_views(pictures(), 1.5, None)], 'n=1.5'),
    (lambda learn: [*flip_views(torch.rand(2, 3, 4, 4), 1, None)], 'views are made of'),
    (lambda learn: [*five_crop_views(pictures(), 4, None, share=1.5)], 'share=1.5: it must be'),
    (lambda learn: [*multi_scale_views(pictures(), 4, None, factor=0)], 'factor=0'),
])
def test_what_is_not_possible_is_said(learn, call, message):
    with pytest.raises((ValueError, TypeError), match=message): call(learn)


def test_parameters_may_be_numbers_of_numpy(learn):
    expected = tta(learn, n=2, beta=.5, seed=3)[0]
    ours = tta(learn, n=np.int64(2), beta=np.float32(.5), seed=np.int64(3))[0]
    assert torch.equal(ours, expected)


HALVES = torch.tensor([[.5, .5]])

@pytest.mark.parametrize('given,message', [
    ((torch.randn(2, 3), []), 'plain'),
    ((HALVES, [torch.rand(1, 3)]), 'a view is 1 × 3: it must be 1 × 2'),
    ((HALVES, [HALVES.numpy()]), 'a view is a NumPy array'),
    ((HALVES, [4*HALVES]), 'a view has values'),
    ((HALVES, HALVES), 'a view is 2: it must be 1 × 2'),
    ((HALVES, [HALVES], 'median'), "merge='median'"),
    ((HALVES, [HALVES], 'mean', 2), 'beta=2'),
])
def test_merging_refuses_what_is_no_distribution(given, message):
    with pytest.raises((ValueError, TypeError), match=message): merge_views(*given)
