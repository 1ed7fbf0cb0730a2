"""Rules for values: what they let pass, and what they say."""
import math
from dataclasses import dataclass
from functools import partial

import pytest

from sotatrain.core.checks import (
    check_fields,
    choice,
    did_you_mean,
    known,
    number,
    one_of,
    optional,
    positive,
    ruled,
    storable,
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
        'use numbers, text, lists and dicts with text keys')


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
