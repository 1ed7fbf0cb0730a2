"""Pages for a laptop: captions, folded code, formulas, openings; comments stay invisible."""
import base64
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import pages
from tools.pages import cells, text, words

PIXEL = (
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk'
    '+A8AAQUBAScY42YAAAAASUVORK5CYII=')


@pytest.fixture
def page(tmp_path):
    "Write a page for a one-chapter book with these cells, and return its HTML."
    def write(*cells):
        nbs, out = tmp_path/'nbs', tmp_path/'out'
        for folder in (nbs, out): folder.mkdir(exist_ok=True)
        nb = new_notebook(cells=[new_markdown_cell('# Crops & more\n\n> One idea'), *cells])
        for folder in (nbs, out): nbformat.write(nb, folder/'03_crops.ipynb')
        nbformat.write(new_notebook(cells=[new_markdown_cell('# Book')]), nbs/'index.ipynb')
        pages.write(nbs, out)
        return (out/'03_crops.html').read_text()
    return write


def figure(source, **data):
    picture = new_output('display_data', data={'image/png': PIXEL})
    return new_code_cell(source, outputs=[picture])


def test_option_lines_become_caption_alt_text_and_number(page):
    options = '#| label: fig-a\n#| fig-cap: "See: a *dot*"\n#| fig-alt: "one dot"\n'
    html = page(figure(options + 'plot()'),
                new_markdown_cell('As @fig-a shows, and not me@fig-a.'))
    assert '#|' not in html and 'plot' in html
    number = r'<strong>Figure 3\.1\.</strong>'
    assert re.search(rf'<figcaption>.*{number} See: a <em>dot</em>', html, re.S)
    assert 'alt="one dot"' in html and 'id="fig-a"' in html
    assert '<a href="03_crops.html#fig-a">Figure 3.1</a>' in html and 'me@fig-a' in html


def test_hidden_cells_go_and_echo_false_hides_the_code_only(page):
    html = page(new_code_cell('#| hide\nsecret_code()'),
                figure('#| echo: false\nquiet_code()'),
                new_code_cell('#| export\nshown_code()'))
    assert 'secret_code' not in html and 'quiet_code' not in html and 'shown_code' in html
    assert html.count('data:image/png') == 1


def test_a_widget_is_left_out(page):
    "It needs a kernel, and a page that has one asks the network for scripts."
    shown = {pages.WIDGET: {'model_id': 'x'}, 'text/plain': 'interactive(...)'}
    widget = new_output('display_data', data=shown)
    html = page(new_code_cell('slider()', outputs=[widget]))
    assert 'slider' in html and 'interactive(...)' not in html and 'widget-view' not in html


def test_what_a_bar_leaves_behind_is_left_out():
    def shows(html):
        return new_output('display_data', data={'text/html': html, 'text/plain': 'HTML object'})
    style = '\n<style>progress { width: 300px }</style>\n'
    table = shows('<style>th { padding: 8px }</style><table><td>0.5</td></table>')
    text = new_output('stream', text='done')
    assert pages.lasting([shows(''), shows(style), table, text]) == [table, text]


@pytest.mark.parametrize('option,summary', [
    ('', 'Code'),
    ('#| code-summary: "Set-up: imports, the data"\n', 'Set-up: imports, the data'),
    ('#| code-summary: Sizes & more\n', 'Sizes &amp; more')])
def test_folded_code_can_be_opened_and_says_what_it_is(page, option, summary):
    html = page(figure(f'#| code-fold: true\n{option}fold_me()'))
    folded = re.search(r'<details><summary>(.*?)</summary>.*fold_me.*</details>', html, re.S)
    assert folded[1] == summary


def test_formulas_need_no_network(page):
    formula = r'$$x = \frac{a}{b}$$ {#eq-x}'
    html = page(new_markdown_cell('With $\\lambda_1$ in\n\n' + formula + '\n\nsee @eq-x'))
    assert '<math' in html and '<mfrac>' in html and 'display="block"' in html
    assert 'Equation 3.1' in html and '$' not in _text(html)
    assert not re.search(r'src="https?:|<link[^>]+href="https?:', html)


def test_links_to_chapters_lead_to_pages(page):
    elsewhere = 'https://colab.org/nbs/04_next.ipynb'
    html = page(new_markdown_cell(f'see [this](04_next.ipynb) and [that]({elsewhere})'))
    assert 'href="04_next.html"' in html and f'href="{elsewhere}"' in html


def test_unknown_reference_is_left_as_it_is(page):
    assert '@fig-nowhere' in page(new_markdown_cell('see @fig-nowhere'))


def test_titles_are_escaped(page):
    html = page()
    assert '<title>Crops &amp; more</title>' in html and 'Crops & more' not in html


# --- comments mark numbers; nobody sees them

SPAN = '<!-- soft-targets: plain → Mixup | signed -->+2.3 (+0.3 to +4.3)<!-- / -->'

@pytest.mark.parametrize('text', [
    f'Mixup gives {SPAN} points.',
    f'{SPAN} points are what it gives.',
    f'- **Measured:** {SPAN} points',
    f'- one\n- **Two:** with {SPAN}\n\n  ```python\n  code()\n  ```\n- three',
    f'| a | b |\n|---|---|\n| Mixup | {SPAN} |',
    f'> quoted {SPAN}',
    f'## A heading with {SPAN}',
    f'<!-- a comment\nof two lines -->\n{SPAN}'])
def test_comments_are_invisible_everywhere(page, text):
    html = page(new_markdown_cell(text))
    assert '+2.3 (+0.3 to +4.3)' in html
    assert 'soft-targets' not in html and '--' + '>' not in _text(html) and '&lt;!' not in html

def _text(html): return re.sub(r'<(style|script)>.*?</\1>', '', html, flags=re.S)


def test_a_span_in_a_cell_leaves_the_table_whole(page):
    html = page(new_markdown_cell(f'| a | b |\n|---|---|\n| Mixup | {SPAN} |\n| none | 0 |'))
    assert html.count('<tr>') == 3 and html.count('<td') == 4


def test_a_generated_table_is_a_table(page):
    table = '<!-- table: results -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<!-- / -->'
    html = page(new_markdown_cell(f'Before.\n\n{table}\n\nAfter.'))
    assert html.count('<td') == 2 and 'table: results' not in html and '<p>After.</p>' in html


def test_code_may_show_a_comment(page):
    html = page(new_markdown_cell('Write `<!-- a -->` or\n\n```\n<!-- b -->\n```'))
    assert '&lt;!-- a --&gt;' in html and '&lt;!-- b --&gt;' in html


def test_a_comment_in_a_caption_is_invisible(page):
    html = page(figure(f'#| label: fig-a\n#| fig-cap: "{SPAN}"\n#| fig-alt: "dots"\nplot()'))
    assert 'soft-targets' not in html and '+2.3 (+0.3 to +4.3)' in html


# --- the opening of a chapter

OPENING = '''![ten drawings](images/dot.png)

- **What:** two pictures become one.
- **Use it:**
  ```python
  learn = make_learner(dls, cbs=MixUp())
  learn.fit_one_cycle(5, 6e-3)
  ```

- **Time:** 3 minutes

[![Open in Colab](images/dot.png)](https://colab.org/x)'''

def test_picture_and_card_are_on_the_page(page, tmp_path):
    images = tmp_path/'nbs'/'images'
    images.mkdir(parents=True)
    (images/'dot.png').write_bytes(base64.b64decode(PIXEL))
    html = page(new_markdown_cell(OPENING))
    card = html.split('<div class="card">')[1]
    assert html.count(f'src="data:image/png;base64,{PIXEL}"') == 2
    assert 'alt="ten drawings"' in html
    assert card.count('<li>') == 3 and '<pre>' in card and '```' not in card
    assert '<a href="https://colab.org/x"><img' in card


@pytest.mark.parametrize('directive', ['export', 'exporti', 'exportd', 'default_exp mixup'])
def test_bare_directives_are_not_shown(page, directive):
    html = page(new_code_cell(f'#| {directive}\nshown_code()'))
    assert '#|' not in html and directive.split()[0] not in _text(html) and 'shown_code' in html


# --- captions of tables and batches, the line that opens a notebook

TABLE = '| a | b |\n|---|---|\n| 1 | 2 |'

@pytest.mark.parametrize('after', ['', '\n\nAfter.', '\n\n<!-- / -->\n\nAfter.'])
def test_a_table_with_a_line_below_it_has_a_caption_and_a_number(page, after):
    source = f'Before, in @tbl-x.\n\n{TABLE}\n\n: Seconds of `f`, by `g`. {{#tbl-x}}{after}'
    html = page(new_markdown_cell(source))
    caption = (r'<figure class="outputs" id="tbl-x"><figcaption>'
               r'<p><strong>Table 3\.1\.</strong> '
               r'Seconds of <code>f</code>, by <code>g</code>\.</p></figcaption><table>')
    assert re.search(caption, html) and '{#' not in _text(html) and '<p>: ' not in html
    assert '<a href="03_crops.html#tbl-x">Table 3.1</a>' in html


def test_a_table_without_a_caption_stays_as_it_is(page):
    html = page(new_markdown_cell(f'{TABLE}\n\nText.\n\n{TABLE}\n\n: One. {{#tbl-x}}'))
    assert html.count('<table>') == 2 and html.count('<figcaption>') == 1
    assert html.index('<p>Text.</p>') < html.index('<figcaption>')


def test_a_measured_table_is_captioned_in_both_renderings_form():
    source = f'<!-- table: leak -->\n\n{TABLE}\n\n<!-- / -->'
    table, caption = cells.caption_tables(source).split('\n\n: ')
    assert table.endswith('| 1 | 2 |') and caption.endswith(' {#tbl-leak}\n\n<!-- / -->')
    other = source.replace('leak', 'chapters')
    assert cells.caption_tables(other) == other


def test_a_page_without_a_number_counts_its_tables():
    cell = new_markdown_cell(f'{TABLE}\n\n: One. {{#tbl-x}}')
    chapter = pages.Chapter('index', 'Book', '', True)
    numbers = pages.number_labels(chapter, new_notebook(cells=[cell]))
    assert numbers == {'tbl-x': ('index.html#tbl-x', 'Table 1')}


def test_each_of_several_pictures_has_its_own_caption(page):
    cell = figure('#| label: fig-a\n#| fig-cap: "Two"\n#| fig-subcap: ["`x`", "y"]\n'
                  '#| fig-alt: "dots"\nplot()')
    cell.outputs *= 2
    html = _text(page(cell))
    places = [html.index(part) for part in ('(a) <code>x</code>', '(b) y', 'Figure 3.1')]
    assert places == sorted(places) and html.count('class="subcaption"') == 2


def test_a_badge_is_part_of_a_line_that_downloads_too(page, tmp_path):
    images = tmp_path/'nbs'/'images'
    images.mkdir(parents=True)
    (images/'colab.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    badge = '[![Open in Colab](images/colab.svg)](https://colab.org/nbs/03_crops.ipynb)'
    html = page(new_markdown_cell(f'- **What:** crops\n\n{badge}'))
    line = re.search('<p>Run it: .*?</p>', html, re.S)[0]
    assert '<a href="https://colab.org/nbs/03_crops.ipynb"><' in line
    assert re.search('<a (?=[^>]*download)[^>]*href="03_crops.ipynb"', line)


def test_a_formula_may_have_several_lines():
    drawn = text.formula(r'\begin{aligned} a &= 1 \\ b &= 2 \end{aligned}', 'block')
    assert drawn.count('<mtr>') == 2 and '&<' not in drawn


# --- links, words, lines

STEMS = {'3': '03_learner', '5': '05_resizing', 'A1': 'A1_doodlenette'}

@pytest.mark.parametrize('source,shown', [
    ('see chapter 3.', 'see [chapter 3](03_learner.ipynb).'),
    ('Chapters 3 and 5 show', 'Chapters [3](03_learner.ipynb) and [5](05_resizing.ipynb) show'),
    ('appendix A1', '[appendix A1](A1_doodlenette.ipynb)'),
    ('chapter 9', 'chapter 9'),
    ('chapter 5 of fastbook', 'chapter 5 of fastbook'),
    ('## chapter 3', '## chapter 3'),
    ('[chapter 3](x.html)', '[chapter 3](x.html)'),
    ('`chapter 3`', '`chapter 3`')])
def test_a_chapter_that_is_named_is_linked(source, shown):
    assert text.link_numbers(source, STEMS) == shown


def test_a_chapter_does_not_link_to_itself():
    assert text.link_numbers('chapter 3', STEMS, '03_learner') == 'chapter 3'


@pytest.mark.parametrize('source,shown', [
    ('`MixUp` and `MixUp`', '[`MixUp`](r#MixUp) and `MixUp`'),
    ('`MixUp(alpha=.4)`', '[`MixUp(alpha=.4)`](r#MixUp)'),
    ('`sotatrain.mixup.MixUp`', '[`sotatrain.mixup.MixUp`](r#MixUp)'),
    ("fastai's `MixUp`", "fastai's `MixUp`"),
    ('### `MixUp`', '### `MixUp`'),
    ('```\n`MixUp`\n```', '```\n`MixUp`\n```'),
    ('`Other`', '`Other`')])
def test_a_name_of_the_library_is_linked_once(source, shown):
    assert text.link_names(source, {'MixUp': 'r#MixUp'}) == shown


def test_a_word_is_explained_where_it_first_appears():
    terms = words.glossary('# Glossary\n\nseed, seeds\n: Where `random` begins.\n')
    first, second = words.explain(['## A seed\n\nTwo seeds, [a seed](x).', 'A seed.'], terms)
    assert first.count('role="tooltip"') == 1 and second == 'A seed.'
    assert first.startswith('## A seed\n\nTwo <a class="term" href="glossary.html#term-seed">')
    assert 'Where <code>random</code> begins.' in first


def test_a_line_of_code_knows_its_indentation():
    html = pages.code('if x:\n    y = """a\n  b"""\n')
    assert html.count('class="line"') == 3 and '--depth:4ch' in html and '--depth:2ch' in html


def test_a_heading_has_the_anchor_that_it_names(page):
    html = page(new_markdown_cell('### `MixUp` {#MixUp}'))
    assert '<h3 id="MixUp"><code>MixUp</code>' in html and '{#' not in _text(html)


def test_a_formula_has_its_number_beside_it(page):
    html = page(new_markdown_cell('$$x = 1$$ {#eq-x}'))
    formula = r'<div class="formula"><math.*?</math><span class="number" id="eq-x">'
    assert re.search(formula, html)


def test_a_page_says_its_version_licence_and_where_its_notebook_is(page):
    footer = page().split('<footer>')[1]
    for part in ('Apache License', 'CITATION.cff', 'href="03_crops.ipynb"',
                 '/blob/main/nbs/03_crops.ipynb', '/edit/main/nbs/03_crops.ipynb'):
        assert part in footer


def test_the_meaning_of_a_word_is_inside_its_link_on_the_page(page):
    terms = words.glossary('seed\n: Where it begins, see [chapter 3](03_learner.ipynb).')
    source, = words.explain(['- **What:** the seed.'], terms)
    html = page(new_markdown_cell(source))
    meaning = r'<a class="term"[^>]*>seed<span class="meaning"[^>]*>Where[^<]*</span></a>'
    assert re.search(meaning, html)


def test_a_glossary_is_a_list_whose_chapters_are_linked():
    html = words.as_list(
        words.glossary('seed, seeds\n: Where it begins. See chapter 3.'), [], STEMS)
    assert '<dt id="term-seed">seed, seeds</dt>' in html
    assert '<a href="03_learner.html">chapter 3</a>' in html


NBS = pages.ROOT/'nbs'

@pytest.mark.parametrize('notebook', pages.notebooks(NBS), ids=lambda path: path.stem)
def test_links_within_a_page_lead_to_a_heading(notebook):
    "Their anchors are those of the site, and so the same everywhere."
    found = nbformat.read(notebook, 4).cells
    prose = '\n\n'.join(cell.source for cell in found if cell.cell_type == 'markdown')
    html = text.markdown(prose, NBS)
    assert {*re.findall(r'href="#([^"]+)"', html)} <= {*re.findall(r'id="([^"]+)"', html)}
