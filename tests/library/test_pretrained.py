"Weights that somebody else trained: from a package, in order, and nothing that runs code."
import pickle
from collections import OrderedDict

import pytest
import timm
import torch
from torch import nn

from sotatrain.core import pretrained
from sotatrain.core.pretrained import load_in_order, packaged_weights, read_weights

ARCH = 'tf_efficientnet_lite0'


def small(n_out=3):
    return nn.Sequential(OrderedDict(
        conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), last=nn.Linear(4, n_out)))


def renamed(weights): return {f'_{name}': value for name, value in weights.items()}


def test_weights_are_set_in_order_whatever_their_names():
    model, other = small(), small()
    with torch.no_grad(): other.norm.running_mean += 3
    load_in_order(model, renamed(other.state_dict()))
    for name, value in other.state_dict().items():
        if name != 'norm.num_batches_tracked': assert model.state_dict()[name].equal(value)


@pytest.mark.parametrize('change, message', [
    (lambda w: {**w, 'last.weight': torch.zeros(5, 4)}, r'last.weight, \(5, 4\)'),
    (lambda w: {k: v for k, v in w.items() if k != 'norm.weight'}, 'norm.bias'),
    (lambda w: {k: v for k, v in w.items() if not k.startswith('last')}, '6 tensors'),
    (lambda w: {**w, 'more.weight': torch.zeros(2)}, '9 tensors'),
])
def test_weights_of_another_network_change_nothing(change, message):
    model = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_in_order(model, renamed(change(small().state_dict())))
    assert all(before[name].equal(value) for name, value in model.state_dict().items())


class Runs:
    def __reduce__(self): return print, ('this must not run',)


def truncated(file):
    torch.save(small().state_dict(), file)
    file.write_bytes(file.read_bytes()[:-300])

def a_pickle(file): file.write_bytes(pickle.dumps(Runs()))
def with_an_object(file): torch.save(dict(weight=torch.zeros(2), more=Runs()), file)
def text(file): file.write_text('weights')
def empty(file): file.write_bytes(b'')
def a_list(file): torch.save([torch.zeros(2)], file)
def with_numbers(file): torch.save(dict(epoch=3), file)
def with_nan(file): torch.save(dict(weight=torch.tensor([1, float('nan')])), file)


@pytest.mark.parametrize('write', [
    truncated, a_pickle, with_an_object, text, empty, a_list, with_numbers, with_nan])
def test_a_file_that_holds_no_sound_weights_is_named(write, tmp_path, capsys):
    write(file := tmp_path/'weights.pth')
    with pytest.raises(ValueError, match='weights.pth') as error: read_weights(file)
    assert '\n' not in str(error.value)
    assert not capsys.readouterr().out


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='away.pth'): read_weights(tmp_path/'away.pth')


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(pretrained.PACKAGED, ARCH, ('not_installed_here', 'weights.pth'))
    with pytest.raises(ModuleNotFoundError, match=r'sotatrain\[transfer\]'):
        packaged_weights(ARCH)


def test_the_packaged_weights_fit_their_network_and_no_other():
    weights = read_weights(file := packaged_weights(ARCH))
    load_in_order(timm.create_model(ARCH), weights, file)
    with pytest.raises(ValueError, match='efficientnet-lite0.*another network'):
        load_in_order(timm.create_model('efficientnet_lite1'), weights, file)


def test_weights_with_the_same_names_may_be_in_any_order():
    "Tools that sort names put block 10 before block 2."
    a, b = (nn.Sequential(*(nn.Linear(2, 2) for _ in range(11))) for _ in range(2))
    load_in_order(b, dict(sorted(a.state_dict().items())))
    assert all(v.equal(b.state_dict()[name]) for name, v in a.state_dict().items())
