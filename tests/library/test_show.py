"""The HTML of a comparison and of a quiz: it fits, and it can be read on any paper."""
import base64
import re
from math import inf

import matplotlib.pyplot as plt
import pytest

from sotatrain.core.quiz import BROWN, GREEN, QUIZ_COLOURS
from sotatrain.experiment import Difference, plot_differences, stored_results


@pytest.fixture(scope='module')
def shown(): return stored_results('learner-64')._repr_html_()


def test_the_plot_of_a_comparison_is_as_wide_as_its_column_at_most(shown):
    image = re.search(r'<img [^>]*>', shown)[0]
    assert 'max-width:100%;height:auto' in image and 'alt="Accuracy of each run' in image


def test_on_a_phone_the_panels_are_below_each_other(shown):
    found = re.findall(r'data:image/svg\+xml;base64,([\w+/=]+)', shown)
    narrow, wide = (base64.b64decode(picture).decode() for picture in found)
    def size(svg): return [float(n) for n in re.findall(r'<svg.*? viewBox="0 0 (\S+) (\S+)"',
                                                        svg, re.S)[0]]
    assert size(narrow)[0] < .6*size(wide)[0] and size(narrow)[1] > 1.9*size(wide)[1]
    assert '<source media="(max-width: 600px)"' in shown
    assert all('accuracy, %' in svg for svg in (narrow, wide))  # letters, not their outlines


def test_a_long_label_below_a_plot_is_in_lines_of_a_phones_width():
    html = stored_results('claims-soft', 'plain, 20 epochs', 'Mixup, 20 epochs')._repr_html_()
    found = re.findall(r'data:image/svg\+xml;base64,([\w+/=]+)', html)
    lines = re.findall('>([a-zA-Z][^<]*)</text>', base64.b64decode(found[0]).decode())
    assert 'difference to plain,' in lines and all(len(line) <= 22 for line in lines)


def test_a_wide_table_scrolls_in_its_own_box(shown):
    assert re.search(r'<div style="[^"]*overflow-x:auto"><table>', shown)
    assert '<th scope="col">' in shown


def test_the_description_of_a_comparison_has_its_intervals():
    comparison = stored_results('learner-64', 'baseline', 'DataBlock')
    assert str(comparison.rows[1].difference) in comparison.alt_text


def test_the_same_comparison_is_the_same_html():
    first, second = (stored_results('learner-64')._repr_html_() for _ in range(2))
    assert first == second


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= .04045 else ((c + .055) / 1.055)**2.4 for c in parts)
    return .2126*red + .7152*green + .0722*blue


@pytest.mark.parametrize('ink,paper', [
    ('#ffffff', GREEN), ('#ffffff', BROWN),
    (QUIZ_COLOURS['--jq-text-color'], QUIZ_COLOURS['--jq-multiple-choice-bg']),
    (QUIZ_COLOURS['--jq-text-color'], GREEN), (QUIZ_COLOURS['--jq-text-color'], BROWN)])
def test_colours_of_a_quiz_can_be_read(ink, paper):
    low, high = sorted(map(luminance, (ink, paper)))
    assert (high + .05) / (low + .05) >= 4.5


def test_curves_of_differences_show_means_and_intervals():
    found = {5: Difference(1., -1., 3., 3), 20: Difference(2., 1.5, 2.5, 3)}
    one = {5: Difference(1., -inf, inf, 1)}
    ax = plot_differences({'better': found, 'one seed': one}, 'epochs')
    labels = ax.get_legend_handles_labels()[1]
    bars = [bar.get_segments() for bar in ax.collections]
    plt.close(ax.figure)
    assert labels == ['better', 'one seed'] and ax.get_xlabel() == 'epochs'
    assert [[y for _, y in bar] for bar in bars[0]] == [[-1, 3], [1.5, 2.5]]
    assert [[y for _, y in bar] for bar in bars[1]] == [[1, 1]]
    plt.close(plot_differences({}, 'epochs').figure)
