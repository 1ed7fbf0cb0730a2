"""Rules for values: what they let pass, and what they say."""
import json
import math
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sotatrain.core.checks import (
    check_fields,
    choice,
    did_you_mean,
    known,
    number,
    one_of,
    optional,
    positive,
    probabilities,
    ruled,
    storable,
    tensor,
    text,
    truth,
    whole,
)

none_or_more = partial(whole, least=0)
share = partial(number, high=1)
colour = partial(choice, choices=('red', 'blue'))


@pytest.mark.parametrize('rule,value', [
    (whole, 1),
    (whole, 10**9),
    (none_or_more, 0),
    (number, 0),
    (number, .5),
    (number, 1e300),
    (number, np.float32(.4)),
    (number, np.int64(0)),
    (whole, np.int64(3)),
    (share, 0),
    (share, 1),
    (positive, 1e-9),
    (positive, 3),
    (text, 'a'),
    (text, ' a '),
    (truth, True),
    (truth, False),
    (colour, 'red'),
    (one_of('red', 'blue'), 'blue'),
    (one_of(1, 2), 2),
    (optional(whole), None),
    (optional(whole), 1),
    (storable, None),
    (storable, {'a': [1, .5, 'x', True, {}]}),
])
def test_a_good_value_passes(rule, value): rule('x', value)


@pytest.mark.parametrize('rule,value,error,message', [
    (whole, 0, ValueError, 'x=0: it must be 1 or more'),
    (whole, -3, ValueError, 'x=-3: it must be 1 or more'),
    (none_or_more, -1, ValueError, 'x=-1: it must be 0 or more'),
    (whole, 1., TypeError, 'x=1.0: it must be a whole number'),
    (whole, True, TypeError, 'x=True: it must be a whole number'),
    (whole, '1', TypeError, "x='1': it must be a whole number"),
    (whole, None, TypeError, 'x=None: it must be a whole number'),
    (whole, np.float32(1), TypeError, 'x=np.float32(1.0): it must be a whole number'),
    (whole, np.bool_(True), TypeError, 'x=np.True_: it must be a whole number'),
    (whole, np.int64(0), ValueError, 'x=0: it must be 1 or more'),
    (number, np.float32('nan'), ValueError, 'x=nan: it must be at least 0, and finite'),
    (number, np.bool_(False), TypeError, 'x=np.False_: it must be a number'),
    (number, np.array([.5]), TypeError, 'x=array([0.5]): it must be a number'),
    (number, 1j, TypeError, 'x=1j: it must be a number'),
    (number, -.1, ValueError, 'x=-0.1: it must be at least 0, and finite'),
    (number, math.nan, ValueError, 'x=nan: it must be at least 0, and finite'),
    (number, math.inf, ValueError, 'x=inf: it must be at least 0, and finite'),
    (number, -math.inf, ValueError, 'x=-inf: it must be at least 0, and finite'),
    (number, False, TypeError, 'x=False: it must be a number'),
    (number, '.5', TypeError, "x='.5': it must be a number"),
    (share, 1.1, ValueError, 'x=1.1: it must be between 0 and 1'),
    (share, -1, ValueError, 'x=-1: it must be between 0 and 1'),
    (share, math.nan, ValueError, 'x=nan: it must be between 0 and 1'),
    (positive, 0, ValueError, 'x=0: it must be more than 0'),
    (positive, -0., ValueError, 'x=0: it must be more than 0'),
    (positive, -1, ValueError, 'x=-1: it must be at least 0, and finite'),
    (positive, None, TypeError, 'x=None: it must be a number'),
    (text, '', TypeError, "x='': it must be text, and not empty"),
    (text, ' \n', TypeError, "x=' \\n': it must be text, and not empty"),
    (text, 3, TypeError, 'x=3: it must be text, and not empty'),
    (text, None, TypeError, 'x=None: it must be text, and not empty'),
    (truth, 1, TypeError, 'x=1: it must be True or False'),
    (truth, None, TypeError, 'x=None: it must be True or False'),
    (truth, 'yes', TypeError, "x='yes': it must be True or False"),
    (colour, 'rot', ValueError, "x='rot': choose one of red, blue"),
    (colour, None, ValueError, 'x=None: choose one of red, blue'),
    (one_of('red', 'blue'), 'Red', ValueError, "x='Red': choose one of red, blue"),
    (one_of(1, 2), 3, ValueError, 'x=3: choose one of 1, 2'),
    (one_of(1, 2), [1], ValueError, 'x=[1]: choose one of 1, 2'),
    (optional(whole), 0, ValueError, 'x=0: it must be 1 or more'),
    (optional(whole), False, TypeError, 'x=False: it must be a whole number'),
])
def test_a_bad_value_is_an_error_that_says_what_it_must_be(rule, value, error, message):
    with pytest.raises(error) as raised: rule('x', value)
    assert str(raised.value) == message


@pytest.mark.parametrize('value', [
    {1},
    (1, 2),
    {'a': (1,)},
    {1: 'a'},
    math.nan,
    [math.nan],
    print,
    b'x',
], ids=repr)
def test_what_json_cannot_hold_is_an_error(value):
    with pytest.raises(TypeError) as raised: storable('x', value)
    assert str(raised.value) == (
        f'x: {value!r} cannot be stored as JSON: '
        'use finite numbers, text, lists and dicts with text keys')


def test_a_list_that_holds_itself_cannot_be_stored():
    circle = []
    circle.append(circle)
    with pytest.raises(TypeError, match='cannot be stored as JSON'): storable('x', circle)


# --- names

@pytest.mark.parametrize('name,hint', [
    ('epoch', "; did you mean 'epochs'?"),
    ('Size', "; did you mean 'size'?"),
    ('warp', ': there are size, epochs'),
    (3, ': there are size, epochs'),
    (None, ': there are size, epochs'),
])
def test_an_error_goes_on_with_the_name_that_was_meant_or_with_all(name, hint):
    assert did_you_mean(name, ['size', 'epochs']) == hint


def test_known_names_pass():
    known('a stage', [], ['size', 'epochs'])
    known('a stage', ['epochs', 'size'], ['size', 'epochs'])
    known('a stage', {'size': 3}, ['size', 'epochs'])


@pytest.mark.parametrize('names,message', [
    (['size', 'epoch'], "a stage: there is no 'epoch'; did you mean 'epochs'?"),
    ({'warp': 9}, "a stage: there is no 'warp': there are size, epochs"),
    ([3], 'a stage: there is no 3: there are size, epochs'),
])
def test_an_unknown_name_is_an_error_with_a_way_out(names, message):
    with pytest.raises(TypeError) as raised: known('a stage', names, ['size', 'epochs'])
    assert str(raised.value) == message


# --- rules beside the fields of a dataclass

@dataclass
class Parcel:
    weight: float = ruled(rule=positive)
    label: str = ruled('fragile', text)
    stamps: list = ruled(factory=list, rule=storable)
    notes: dict = ruled(factory=dict)  # without a rule
    colour: str = 'red'                # not ruled at all

    def __post_init__(self): check_fields(self)


def test_ruled_fields_have_their_defaults():
    first, second = Parcel(1), Parcel(2)
    assert (first.label, first.stamps, first.notes) == ('fragile', [], {})
    assert first.stamps is not second.stamps


def test_a_ruled_field_without_a_default_must_be_given():
    with pytest.raises(TypeError, match='weight'): Parcel()


@pytest.mark.parametrize('fields,message', [
    (dict(weight=0), 'weight=0: it must be more than 0'),
    (dict(weight=1, label=''), "label='': it must be text, and not empty"),
    (dict(weight=1, stamps=[{1}]), r'stamps: \[\{1\}\] cannot be stored as JSON'),
    (dict(weight=0, label=''), 'weight=0'),  # the first one is named
])
def test_a_field_that_breaks_its_rule_is_named(fields, message):
    with pytest.raises((ValueError, TypeError), match=message): Parcel(**fields)


def test_a_field_without_a_rule_may_be_anything():
    parcel = Parcel(1, notes=3, colour=None)
    assert (parcel.notes, parcel.colour) == (3, None)


def test_numbers_of_numpy_become_pythons_in_a_field():
    parcel = Parcel(np.float32(.5))
    assert type(parcel.weight) is float and json.dumps(asdict(parcel))


# --- tensors

def test_checks_of_plain_values_need_no_torch():
    code = 'import sys, sotatrain.core.checks; assert "torch" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize('value,rule', [
    (torch.rand(2, 3), {}),
    (torch.rand(2, 3), dict(shape=('n', 3))),
    (torch.rand(2, 3), dict(shape=('n', 'classes'), kinds='floats', low=0, high=1)),
    (torch.rand(()), dict(shape=())),
    (torch.zeros(4, 3, 5, 5), dict(shape=('n', 3, 'side', 'side'))),
    (torch.zeros(4).long(), dict(kinds='whole numbers', low=0, high=0)),
    (torch.zeros(4).byte(), dict(kinds=('floats', 'uint8'))),
    (torch.zeros(4).bool(), dict(kinds='truth values')),
    (torch.zeros(0, 3), dict(shape=('n', 3), low=0, high=1, finite=True)),
    (torch.ones(3, requires_grad=True), dict(high=1, finite=True)),
])
def test_a_good_tensor_passes(value, rule): tensor('x', value, **rule)


@pytest.mark.parametrize('value,rule,error,message', [
    (np.ones(2), {}, TypeError,
     'x is a NumPy array: it must be a tensor, as torch.from_numpy makes them'),
    ([1, 2], {}, TypeError, 'x is a list: it must be a tensor, as torch.tensor makes them'),
    (3, {}, TypeError, 'x is an int: it must be a tensor, as torch.tensor makes them'),
    (None, {}, TypeError, 'x is None: it must be a tensor, as torch.tensor makes them'),
    (torch.rand(2), dict(shape=('n', 3)), ValueError,
     'x is 2: it must be n × 3'),
    (torch.rand(2, 4), dict(shape=('n', 3)), ValueError,
     'x is 2 × 4: it must be n × 3'),
    (torch.rand(()), dict(shape=('n',)), ValueError,
     'x is a single number: it must be n'),
    (torch.rand(1, 3, 4, 5), dict(shape=('n', 3, 'side', 'side')), ValueError,
     'x is 1 × 3 × 4 × 5: it must be n × 3 × side × side'),
    (torch.rand(2), dict(kinds='whole numbers'), TypeError,
     'x has values of type float32: they must be whole numbers'),
    (torch.zeros(2).bool(), dict(kinds=('floats', 'whole numbers')), TypeError,
     'x has values of type bool: they must be floats or whole numbers'),
    (torch.tensor([0, 10]), dict(low=0, high=9), ValueError,
     'x has values from 0 to 10: they must be between 0 and 9'),
    (torch.tensor([-.5, 1]), dict(low=0), ValueError,
     'x has values from -0.5 to 1: they must be at least 0'),
    (torch.tensor([-.5, 2]), dict(high=1), ValueError,
     'x has values from -0.5 to 2: they must be at most 1'),
    (torch.tensor([.5, math.nan]), dict(high=1), ValueError,
     'x has values from nan to nan: they must be at most 1'),
    (torch.tensor([.5, math.inf]), dict(finite=True), ValueError,
     'x has values that are NaN or infinite: they must be finite'),
])
def test_a_bad_tensor_is_an_error_that_says_what_it_must_be(value, rule, error, message):
    with pytest.raises(error) as raised: tensor('x', value, **rule)
    assert str(raised.value) == message


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@given(st.integers(0, 5), st.integers(2, 200), st.floats(0, 20))
def test_what_softmax_gives_are_probabilities(dtype, n, classes, spread):
    generator = torch.Generator().manual_seed(classes)
    logits = spread * torch.randn(n, classes, generator=generator)
    probabilities('p', logits.to(dtype).softmax(-1))


@pytest.mark.parametrize('value,error,message', [
    (np.full((2, 2), .5), TypeError, 'p is a NumPy array'),
    (torch.full((2, 2), 1), TypeError, 'p has values of type int64: they must be floats'),
    (torch.rand(3), ValueError, 'p is 3: it must be n × classes'),
    (torch.ones(3, 1), ValueError, 'p has 1 column: it must have one for each class'),
    (torch.full((2, 5), math.nan), ValueError, 'NaN or infinite: they must be finite'),
    (torch.tensor([[math.inf, 0]]), ValueError, 'NaN or infinite: they must be finite'),
    (torch.tensor([[4., -2]]), ValueError, r'look like logits: use \.softmax\(-1\)'),
    (torch.tensor([[-.5, .5]]), ValueError, r'look like logits: use \.softmax\(-1\)'),
    (torch.tensor([[90., 10], [35, 65]]), ValueError, 'percentages, divide them by 100'),
    (torch.tensor([[.5, .5], [.9, .8]]), ValueError, 'a row sums to 1.7: each must sum to 1'),
    (torch.zeros(1, 3), ValueError, 'a row sums to 0: each must sum to 1'),
])
def test_what_is_no_distribution_is_refused(value, error, message):
    with pytest.raises(error, match=message): probabilities('p', value)
