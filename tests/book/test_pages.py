import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import pages

PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='


@pytest.fixture
def page(tmp_path):
    "Write a page for a one-chapter book with these cells, and return its HTML."
    def write(*cells):
        nbs, out = tmp_path/'nbs', tmp_path/'out'
        nbs.mkdir(); out.mkdir()
        nb = new_notebook(cells=[new_markdown_cell('# Crops & more\n\n> One idea'), *cells])
        for folder in (nbs, out): nbformat.write(nb, folder/'03_crops.ipynb')
        nbformat.write(new_notebook(cells=[new_markdown_cell('# Book')]), nbs/'index.ipynb')
        pages.write(nbs, out)
        return (out/'03_crops.html').read_text()
    return write


def figure(source, **data):
    return new_code_cell(source, outputs=[new_output('display_data', data={'image/png': PIXEL})])


def test_option_lines_become_caption_alt_text_and_number(page):
    html = page(figure('#| label: fig-a\n#| fig-cap: "See: a *dot*"\n#| fig-alt: "one dot"\nplot()'),
                new_markdown_cell('As @fig-a shows, and not me@fig-a.'))
    assert '#|' not in html and 'plot' in html
    assert re.search(r'<figcaption>.*<strong>Figure 3\.1\.</strong> See: a <em>dot</em>', html, re.S)
    assert 'alt="one dot"' in html and 'id="fig-a"' in html
    assert '<a href="03_crops.html#fig-a">Figure 3.1</a>' in html and 'me@fig-a' in html


def test_hidden_cells_go_and_echo_false_hides_the_code_only(page):
    html = page(new_code_cell('#| hide\nsecret_code()'), figure('#| echo: false\nquiet_code()'), new_code_cell('#| export\nshown_code()'))
    assert 'secret_code' not in html and 'quiet_code' not in html and 'shown_code' in html
    assert html.count('data:image/png') == 1


def test_a_widget_is_left_out(page):
    "It needs a kernel, and a page that has one asks the network for scripts."
    widget = new_output('display_data', data={'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}, 'text/plain': 'interactive(...)'})
    html = page(new_code_cell('slider()', outputs=[widget]))
    assert 'slider' in html and 'interactive(...)' not in html and 'widget-view' not in html


def test_what_a_bar_leaves_behind_is_left_out():
    style, table = '<style>progress { width: 300px }</style>', '<style>th { padding: 8px }</style><table><td>0.5</td></table>'
    outputs = [new_output('display_data', data={'text/html': html, 'text/plain': 'HTML object'}) for html in ('', f'\n{style}\n', table)]
    assert [out.data['text/html'] for out in pages.lasting([*outputs, new_output('stream', text='done')]) if 'data' in out] == [table]
    assert len(pages.lasting([new_output('stream', text='done')])) == 1


def test_folded_code_can_be_opened(page):
    assert re.search(r'<details>.*fold_me.*</details>', page(figure('#| code-fold: true\nfold_me()')), re.S)


def test_formulas_need_no_network(page):
    html = page(new_markdown_cell(r'With $\lambda_1$ in' '\n\n' r'$$x = \frac{a}{b}$$ {#eq-x}' '\n\nsee @eq-x'))
    assert '<math' in html and '<mfrac>' in html and 'display="block"' in html
    assert 'Equation 3.1' in html and '$' not in re.sub(r'<style>.*?</style>', '', html, flags=re.S)
    assert not re.search(r'(src|href)="https?:', html)


def test_links_to_chapters_lead_to_pages(page):
    html = page(new_markdown_cell('see [this](04_next.ipynb) and [that](https://colab.org/nbs/04_next.ipynb)'))
    assert 'href="04_next.html"' in html and 'href="https://colab.org/nbs/04_next.ipynb"' in html


def test_unknown_reference_is_left_as_it_is(page):
    assert '@fig-nowhere' in page(new_markdown_cell('see @fig-nowhere'))


def test_titles_are_escaped(page):
    assert '<title>Crops &amp; more</title>' in page()
