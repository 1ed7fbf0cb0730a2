"""Intervals, and what a comparison says: as text, as HTML and as a plot."""
import math
import statistics
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from sotatrain.experiment import Comparison, Difference, Recipe, paired_difference
from tests.library.fakes import fake_comparison, fake_run, one_seed


def on_one_line(comparison): return str(comparison).replace('\n', ' ')


# --- intervals

def test_paired_difference_by_hand():
    d = paired_difference([3., 5., 7.], [2., 5., 5.])  # differences 1, 0, 2: mean 1, sd 1
    half = 4.302653 / math.sqrt(3)  # t with 2 degrees of freedom
    assert d.mean == 1
    assert d.low == pytest.approx(1 - half, abs=1e-5)
    assert d.high == pytest.approx(1 + half, abs=1e-5)


@hypothesis_settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 100)]*2), min_size=2, max_size=20))
def test_paired_difference_against_scipy(pairs):
    values, reference = zip(*pairs)
    if statistics.stdev(v - r for v, r in pairs) < 1e-3: return  # scipy warns of lost precision
    expected = stats.ttest_rel(values, reference).confidence_interval(.95)
    d = paired_difference(values, reference)
    assert d.low == pytest.approx(expected.low, abs=1e-6)
    assert d.high == pytest.approx(expected.high, abs=1e-6)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    differences = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0)) + 1
    intervals = [paired_difference(x, [0]*4) for x in differences.tolist()]
    covered = [d.low <= 1 <= d.high for d in intervals]
    assert .935 < sum(covered) / len(covered) < .965


def test_the_verdict_is_in_words():
    assert paired_difference([2, 3, 4], [1, 2.1, 2.9]).verdict == 'helps'
    assert paired_difference([1, 2.1, 2.9], [2, 3, 4]).verdict == 'hurts'
    assert paired_difference([1, 2, 3], [3, 2, 1]).verdict == 'no difference shown'
    assert paired_difference([1], [0]).verdict == 'no difference shown'
    assert paired_difference([2, 3], [1, 2]).verdict == 'no difference shown'  # by chance


def test_unequal_pairs_are_an_error():
    with pytest.raises(ValueError, match='3 values and 2 references'):
        paired_difference([1, 2, 3], [1, 2])
    with pytest.raises(ValueError): paired_difference([], [])


def test_an_end_near_zero_shows_on_which_side_it_lies():
    assert str(Difference(.3, -.048, .7, 3)) == '+0.3 (−0.05 to +0.7)'
    assert str(Difference(.3, .004, .7, 3)) == '+0.3 (+0.00 to +0.7)'
    assert str(Difference(.01, -.5, .5, 3)) == '0.0 (−0.5 to +0.5)'
    assert str(Difference(1., 0., 2., 3)) == '+1.0 (0.0 to +2.0)'


# --- what a comparison says

def test_a_table_with_means_spread_and_verdict():
    text = on_one_line(fake_comparison())
    assert '51.0 ± 1.0' in text
    assert '56.0 ± 1.0' in text
    assert '+5.0 (+2.5 to +7.5)' in text
    assert 'better: helps: between +2.5 and +7.5 points, with 3 seeds' in text


def test_a_table_with_its_provenance():
    text = on_one_line(fake_comparison())
    assert 'seeds 0, 1, 2; xresnet18, 16 px, 1 epoch' in text
    assert 'PyTorch' in text
    assert 'measured 20' in text


def test_a_footer_describes_the_network_and_says_which_half_is_scored():
    arch = {'plain_net': {'widths': [8, 16], 'act': 'gelu'}}
    recipe = Recipe('slim', arch=arch, size=16, epochs=1, report='reported')
    text = on_one_line(Comparison([fake_run(recipe=recipe)]))
    assert 'plain_net (widths 8, 16; act gelu), 16 px' in text
    assert 'pictures; the reported half is scored)' in text


def test_no_difference_is_said_to_be_none():
    said = str(fake_comparison(better=(.51, .50, .53)))
    assert 'better: no difference shown with 3 seeds: between −' in said


def test_one_seed_shows_nothing():
    text = str(one_seed())
    assert 'other: no difference shown: one seed cannot show any' in text
    assert '50.0' in text
    assert '±' not in text


def test_speed_can_be_left_out():
    c = Comparison(fake_comparison().runs, speed=False)
    assert 'images/s' in str(fake_comparison())
    assert 'images/s' not in str(c)
    assert 'seconds' not in c._repr_html_()
    assert '+5.0 (+2.5 to +7.5)' in str(c)
    assert '●' in str(c)


def test_the_plans_of_recipes_are_told_apart():
    stage = dict(size=16, epochs=1, bs=8, lr=.1)
    staged = Recipe('stages', arch='xresnet18', stages=[stage, stage | {'size': 32}])
    text = on_one_line(Comparison([fake_run(), fake_run(position=1, recipe=staged)]))
    assert 'xresnet18, 16 px, 1 epoch, batches of ' in text
    assert ' or 16 px, 1 epoch, batches of 8, then 32 px, 1 epoch' in text


def test_a_footer_says_from_which_size_on_pictures_grew_and_the_size_of_the_test():
    recipe = Recipe('growing', arch='xresnet18', size=24, epochs=2, bs=8,
                    cbs={'ProgressiveResize': {'small': 8, 'large': 16}})
    growing = on_one_line(Comparison([fake_run(recipe=recipe)]))
    assert 'xresnet18, 8 to 16 px, 2 epochs, batches of 8, tested at 24 px' in growing
    as_large = replace(recipe, cbs={'ProgressiveResize': {'small': 24}})
    as_large = on_one_line(Comparison([fake_run(recipe=as_large)]))
    assert 'xresnet18, 24 px, 2 epochs, batches of 8; ' in as_large


def test_the_table_is_html_in_a_notebook_and_names_are_escaped():
    html = Comparison([fake_run(name='a & b')])._repr_html_()
    assert '<table>' in html
    assert 'a &amp; b' in html
    assert 'alt="Accuracy of each run: a &amp; b 50.0 %"' in html


def test_failed_runs_are_shown_and_only_whole_pairs_count():
    runs = [fake_run(seed=s, accuracy=.5 + s/100) for s in range(3)]
    runs += [fake_run('other', s, .6 + s*s/100, position=1) for s in range(2)]
    runs += [fake_run('other', 2, error='the loss is nan', position=1)]
    c = Comparison(runs)
    assert c.rows[1].difference.n == 2
    assert '1 of 3 runs failed: the loss is nan' in str(c)
    assert 'failed' in str(Comparison([fake_run(error='the loss is nan')]))


def test_the_first_recipe_is_the_reference_whatever_the_order_of_runs():
    runs = fake_comparison().runs
    assert [row.name for row in Comparison(runs[::-1]).rows] == ['baseline', 'better']


def test_the_plot_shows_every_run():
    left, right = fake_comparison().plot().axes
    dots = [x for line in left.lines if line.get_marker() == 'o' for x in line.get_xdata()]
    assert sorted(dots) == pytest.approx([50, 51, 52, 55, 56, 57])
    assert right.get_xlabel() == 'difference to baseline, points'


def test_without_an_interval_there_is_no_room_for_one():
    c = one_seed()
    assert len(c.plot().axes) == 1
    assert str(c).splitlines()[0].endswith('images/s')


def test_two_pairs_have_an_interval():
    c = Comparison([
        fake_run(name, seed, .5 + seed/9, position=i)
        for i, name in enumerate('ab') for seed in range(2)])
    assert len(c.plot().axes) == 2
    assert '●' in str(c)


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match='no runs'): Comparison([])


def test_two_runs_of_a_recipe_from_one_seed_are_an_error():
    with pytest.raises(ValueError, match="two runs of 'baseline' from seed 0"):
        Comparison([fake_run(), fake_run(accuracy=.6)])
