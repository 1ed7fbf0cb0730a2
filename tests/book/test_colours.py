"""Colours of the site and of the quiz: a contrast of 4.5 or more, on light and on dark paper.

The offline pages are measured in a browser (test_legible.py); the site's papers are those of
its two themes."""
import re
from pathlib import Path

import pytest
import yaml

from sotatrain.core.quiz import BROWN, GREEN, QUIZ_COLOURS

ROOT = Path(__file__).resolve().parents[2]
STYLES = (ROOT/'nbs'/'styles.css').read_text(encoding='utf-8')
WORDS = (ROOT/'tools'/'book'/'words.css').read_text(encoding='utf-8')
PAPERS = dict(cosmo='#ffffff', darkly='#222222')
ENOUGH = 4.5  # WCAG 2, level AA, for text


def contrast(one, other):
    "The ratio that WCAG defines, from 1 to 21."
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + .05) / (dark + .05)


def luminance(colour):
    "Of `#rgb` or `#rrggbb`, from 0 to 1."
    digits = colour.lstrip('#')
    if len(digits) == 3: digits = ''.join(2*digit for digit in digits)
    channels = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= .04045 else ((c + .055) / 1.055)**2.4 for c in channels]
    return sum(weight*c for weight, c in zip((.2126, .7152, .0722), linear))


def rules(css):
    "The colours that each rule sets: [(selector, colour or None, background or None)]."
    for selector, body in re.findall(r'([^{}]+){([^{}]*)}', re.sub(r'/\*.*?\*/', '', css)):
        colour, paper = (re.search(rf'(?:^|[;\s]){name}: *(#\w+)', body)
                         for name in ('color', 'background'))
        if colour: yield selector.strip(), colour[1], paper and paper[1]


def paper_of(selector, theme):
    "The theme's paper, if a rule holds in it."
    other = dict(cosmo='.quarto-dark', darkly='.quarto-light')[theme]
    return None if other in selector else PAPERS[theme]


SITE = [(selector, colour, own or paper_of(selector, theme))
        for theme in PAPERS for selector, colour, own in rules(STYLES + WORDS)
        if own or paper_of(selector, theme)]
QUIZ = [('answer', QUIZ_COLOURS['--jq-text-color'], QUIZ_COLOURS['--jq-multiple-choice-bg']),
        ('right', '#fff', GREEN),
        ('wrong', '#fff', BROWN)]


def test_the_ratio_is_the_one_of_the_standard():
    assert contrast('#000', '#fff') == pytest.approx(21)
    assert contrast('#777777', '#ffffff') == pytest.approx(4.48, abs=.01)
    assert contrast('#123', '#112233') == 1


def test_the_themes_are_those_whose_papers_are_known():
    settings = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))
    assert set(settings['format']['html']['theme'].values()) == set(PAPERS)


def test_both_themes_set_colours():
    assert {paper for _, _, paper in SITE} > set(PAPERS.values())


@pytest.mark.parametrize('where,colour,paper', SITE + QUIZ)
def test_text_can_be_read(where, colour, paper): assert contrast(colour, paper) >= ENOUGH, where
