"""What would break the site, checked without Quarto, and the form that all chapters share.

Structure, openings, captions, references, links, citations; and what Colab needs."""
import ast
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml

import sotatrain
from sotatrain.questionnaire import question
from tools import pages, site, tables
from tools.pages.cells import CAPTIONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
NBS = ROOT/'nbs'
NOTEBOOKS = pages.notebooks(NBS)
CHAPTERS = [path for path in NOTEBOOKS if path.stem != 'index']
BOOK = yaml.safe_load((ROOT/'_quarto.yml').read_text())
ADDRESS = tomllib.loads((ROOT/'pyproject.toml').read_text())['project']['urls']['Repository']
by_stem = dict(ids=lambda path: path.stem)


def cells(path, kind=None):
    return [cell for cell in nbformat.read(path, 4).cells if kind in (None, cell.cell_type)]

def text(path, kind='markdown'): return '\n\n'.join(cell.source for cell in cells(path, kind))
def name(path): return path.stem.split('_', 1)[1]  # 07_mixup is about mixup


# --- structure

def test_every_notebook_is_in_the_book_once_and_in_order():
    def listed(entry):
        if isinstance(entry, str): return [entry]
        parts = entry if isinstance(entry, list) else entry['chapters']
        return [file for part in parts for file in listed(part)]
    files = listed(BOOK['book']['chapters']) + listed(BOOK['book']['appendices'])
    notebooks = [file for file in files if file.endswith('.ipynb')]
    assert notebooks == [path.name for path in NOTEBOOKS]
    written = {'times.qmd', 'reference.qmd'}  # by tools.site
    assert all((NBS/file).exists() for file in set(files) - written)


def test_what_the_settings_name_exists():
    book = BOOK['book']
    for file in (book['cover-image'], book['favicon'], BOOK['bibliography']):
        assert (NBS/file).is_file()
    assert book['cover-image-alt'] and book['search']
    assert set(BOOK['format']['html']['theme']) == {'light', 'dark'}


def test_the_address_is_the_same_everywhere():
    assert BOOK['book']['repo-url'] == ADDRESS
    for path in (*NBS.glob('*.ipynb'), ROOT/'README.md', ROOT/'CITATION.cff'):
        found = re.findall(r'github(?:\.com)?/(\w+/sotatrain)', path.read_text())
        assert all(ADDRESS.endswith(address) for address in found), path.name


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT/'CITATION.cff').read_text())
    assert citation['version'] == sotatrain.__version__
    assert citation['repository-code'] == ADDRESS


PROCESS = """
from nbdev.serve import proc_nbs
import os
os.environ['NBDEV_CONFIG'] = '.'
if __name__ == '__main__': proc_nbs(n_workers=0)
"""

@pytest.fixture(scope='module')
def processed(tmp_path_factory):
    "The notebooks as nbdev hands them to Quarto."
    tmp = tmp_path_factory.mktemp('book')
    hidden = shutil.ignore_patterns('__pycache__', '.*')
    for folder in ('nbs', 'sotatrain'):
        shutil.copytree(ROOT/folder, tmp/folder, symlinks=True, ignore=hidden)
    for file in ('pyproject.toml', 'README.md', '_quarto.yml'): shutil.copy(ROOT/file, tmp)
    command = [sys.executable, '-c', PROCESS]
    done = subprocess.run(command, cwd=tmp, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tmp/'_proc'


def test_the_footer_has_the_version(): assert (
    f'sotatrain {sotatrain.__version__} ' in BOOK['book']['page-footer'])


@pytest.fixture(scope='module')
def prepared(processed, tmp_path_factory):
    "The same with what tools.site adds."
    proc = tmp_path_factory.mktemp('site')/'_proc'
    shutil.copytree(processed, proc)
    site.prepare(NBS, proc)
    return proc


def test_titles_have_the_numbers_of_the_text(prepared):
    for place, path in enumerate(NOTEBOOKS):
        title = cells(prepared/path.name)[0].source
        number = pages.describe(path.stem, nbformat.read(path, 4), True).number
        assert ('{.unnumbered}' in title) == (number != str(place))
        if number not in ('', str(place)): assert f'# {number} ' in title


def test_the_site_has_every_page_and_file_that_its_settings_name(prepared):
    for file in ('times.qmd', 'glossary.qmd', 'reference.qmd', 'words.html', 'styles.css'):
        assert (prepared/file).stat().st_size
    assert '.meaning' in (prepared/'styles.css').read_text()


def test_links_on_names_and_chapters_lead_somewhere(prepared):
    names = set(re.findall(r'\{#(\w+)\}', (prepared/'reference.qmd').read_text()))
    assert len(names) > 60
    texts = [text(prepared/path.name) for path in NOTEBOOKS]
    linked = {name for t in texts for name in re.findall(r'reference\.html#(\w+)', t)}
    assert len(linked) > 40 and linked <= names
    assert sum(len(re.findall(r'\[[Cc]hapter \d+\]\(', t)) for t in texts) > 30
    for words in re.findall(r'\[[^]]*fastbook[^]]*\]\([^)]*\)', ' '.join(texts)):
        assert not re.search(r'\]\(\w+\.ipynb', words)


def test_stored_results_have_a_label_and_a_caption(prepared):
    for path in NOTEBOOKS:
        for cell in cells(prepared/path.name, 'code'):
            if re.search(r"^stored_results\('", cell.source, re.M):
                assert options(cell)['label'].startswith('tbl-') and options(cell)['tbl-cap']


MEASURED = set(tables.TABLES) - {'chapters', 'floors', 'everything'}  # in the book

def test_each_table_of_measurements_has_a_caption(prepared):
    assert set(CAPTIONS) == MEASURED
    written = '\n'.join(text(prepared/path.name) for path in NOTEBOOKS)
    for table in MEASURED:
        assert len(re.findall(rf'^\|.*\|\n\n: .+ \{{#tbl-{table}\}}$', written, re.M)) == 1


def test_a_live_comparison_has_a_label_and_a_caption():
    for path in NOTEBOOKS:
        for cell in cells(path, 'code'):
            shown = [out.data.get('text/html', '') for out in cell.outputs if 'data' in out]
            stored = re.search(r"^stored_results\('", cell.source, re.M)  # named by tools.pages
            if stored or not any('class="comparison"' in html for html in shown): continue
            assert options(cell)['label'].startswith('tbl-') and options(cell)['tbl-cap']


def test_each_of_several_pictures_has_a_caption():
    for path in NOTEBOOKS:
        for cell in cells(path, 'code'):
            pictures = [out for out in cell.outputs if 'image/png' in out.get('data', {})]
            several = len(pictures) if len(pictures) > 1 else 0
            assert len(options(cell).get('fig-subcap', [])) == several, cell.source


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_the_line_below_the_card_opens_and_downloads_the_chapter(prepared, path):
    lines = re.findall(r'^.*open.*colab\.svg.*$', text(prepared/path.name), re.M | re.I)
    for line, branch, folder in zip(lines, ('main', 'zh'), ('', 'zh/'), strict=True):
        assert f'/blob/{branch}/nbs/{path.name})' in line and not line.startswith('[!')
        assert f'<a href="notebooks/{folder}{path.name}" download>' in line


def test_the_notebooks_are_where_the_site_links_to(tmp_path):
    site.add_notebooks(NBS, tmp_path)
    copied = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob('*.ipynb')}
    assert copied == {f'notebooks/{folder}{path.name}' for path in NOTEBOOKS
                      for folder in ('', 'zh/')}


def test_the_first_page_of_the_site_repeats_nothing(prepared):
    "Quarto's title page has the title, the subtitle and the cover."
    first = text(prepared/'index.ipynb')
    book = BOOK['book']
    for once in (f"# {book['title']}", book['subtitle'], book['cover-image']):
        assert once not in first


def test_the_site_has_an_address_a_card_and_a_page_for_what_is_missing(prepared):
    book = BOOK['book']
    owner, name = ADDRESS.split('/')[-2:]
    assert book['site-url'] == f'https://{owner}.github.io/{name}/'  # gives sitemap.xml, too
    card = book['open-graph']
    assert len(card['description'].split()) > 10 and (NBS/card['image']).is_file()
    assert BOOK['format']['html']['lightbox'] is True
    assert (prepared/'404.qmd').stat().st_size


def test_loaders_from_elsewhere_are_taken_out():
    page = ('<script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"'
            ' integrity="x"></script>\n<script>const ours = 1</script>')
    assert site.LOADERS.sub('', page) == '<script>const ours = 1</script>'


def test_all_that_are_written_are_handed_on(processed):
    ours = {path.name for path in NBS.iterdir() if not path.name.startswith(('.', 'llms'))}
    left = {'nbdev.yml', 'models'}  # by nbdev, and by fastai's learning-rate finder
    assert ours - left <= {path.name for path in processed.iterdir()}


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_no_directive_of_nbdev_survives(processed, path):
    for cell in cells(processed/path.name, 'code'):
        options = [line for line in cell.source.splitlines() if line.startswith('#|')]
        assert all(re.match(r'#\| [\w-]+: \S', line) for line in options), options
        assert cell.source.splitlines()[:len(options)] == options, 'options come first'
        assert isinstance(yaml.safe_load('\n'.join(line[3:] for line in options) or '{}'), dict)


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_the_site_shows_the_code_of_what_is_exported(processed, path):
    def defined(code): return set(re.findall(r'^(?:def|class) (\w+)', code, re.M))
    shown = text(processed/path.name, 'code')
    assert defined(shown) == defined(text(path, 'code'))
    assert 'show_doc' not in shown


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_bare_directives_and_options_are_never_in_one_cell(path):
    for cell in cells(path, 'code'):
        lines = re.findall(r'^#\| *(.*)', cell.source, re.M)
        assert len({':' in line for line in lines}) < 2, lines


# --- the README

README = (ROOT/'README.md').read_text(encoding='utf-8')
LINK = re.compile(r'\]\((?!https?://)([^)\s]+)\)')

@pytest.mark.parametrize('table', ['chapters', 'results'])
def test_readme_and_preface_have_the_same_tables(table):
    "From stored runs and the notebooks' first lines; tools.numbers renews them."
    for source, nbs in ((README, 'nbs/'), (text(NBS/'index.ipynb'), '')):
        assert tables.TABLES[table](nbs) in source
    assert tables.TABLES[table]('').count('\n') >= 8


def test_the_readme_links_to_what_exists():
    for file in ROOT.glob('*.md'):
        for target in LINK.findall(file.read_text(encoding='utf-8')):
            assert (ROOT/target.split('#')[0]).exists(), f'{file.name}: {target}'
    assert all(f'nbs/{path.name}' in README for path in CHAPTERS)


def test_the_readme_names_what_the_library_has():
    import sotatrain.all as library
    overview = README.split('## The library')[1].split('## Where')[0]
    names = set(re.findall(r'`(\w+)`', overview)) - {'sotatrain'}
    assert len(names) > 30 and not [name for name in names if not hasattr(library, name)]


def test_the_example_of_a_question_works(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path))
    call = re.search(r"question\('[\w-]+'\)\.check\(.*?\)", README)[0]
    assert eval(call, {'question': question}).right


# --- what explains the house

def test_the_design_names_each_file():
    tree = (ROOT/'DESIGN.md').read_text(encoding='utf-8').split('```')[1]
    folders = ROOT/'sotatrain', ROOT/'tools'
    files = [file for folder in folders for file in folder.rglob('*.py')]
    questions = 'sotatrain/questions/'  # a pair for each chapter
    ours = [file for file in files if not file.name.startswith('_')
            and not file.relative_to(ROOT).as_posix().startswith(questions)]
    assert not [str(file) for file in ours if f' {file.name} ' not in tree]
    named = set(re.findall(r' (\w+\.py) ', tree)) - {'name.py'}
    assert named <= {file.name for file in files}


def test_the_hooks_have_the_versions_of_the_lock():
    lock = set(re.findall(r'^([\w-]+==[\d.]+)', (ROOT/'requirements.lock').read_text(), re.M))
    config = yaml.safe_load((ROOT/'.pre-commit-config.yaml').read_text())
    hooks = [hook for repo in config['repos'] for hook in repo['hooks']]
    assert {package for hook in hooks for package in hook['additional_dependencies']} <= lock


# --- references, links, captions, citations

def numbers(path):
    nb = nbformat.read(path, 4)
    return pages.number_labels(pages.describe(path.stem, nb, True), nb)

NUMBERS = {label: where for path in CHAPTERS for label, where in numbers(path).items()}
LABEL = re.compile(r'(?:#\| label: |\{#)((?:fig|eq|tbl)-[\w-]+)')


def test_labels_are_unique():
    labels = [label for path in CHAPTERS for label in LABEL.findall(text(path, None))]
    assert len(labels) == len(set(labels)) == len(NUMBERS)


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_every_reference_resolves(path):
    prose = text(path) + '\n'.join(re.findall(r'^#\|.*', text(path, 'code'), re.M))
    assert not set(pages.REFERENCE.findall(prose)) - NUMBERS.keys()


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_internal_links_resolve(path):
    for target in LINK.findall(text(path)):
        file, _, _ = unquote(target).partition('#')
        assert not file or (NBS/file).exists(), target


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_figure_has_label_caption_and_description_in_quotes(path):
    for cell in cells(path, 'code'):
        keys = re.findall(r'^#\| ((?:fig|tbl)-[\w-]+|label): *(.*)', cell.source, re.M)
        quoted = 'fig-cap', 'fig-alt', 'tbl-cap'
        captions = {key: value for key, value in keys if key in quoted}
        assert all(re.fullmatch(r'".+"', value) for value in captions.values()), captions
        if 'fig-cap' in captions: assert {'label', 'fig-alt'} <= dict(keys).keys()


def test_papers_and_bibliography_agree():
    listed = {entry['url'] for entry in pages.bibliography(NBS/'references.bib')}
    paper = r'\((https://(?:arxiv|doi)\.org/[^)\s]+)\)'
    cited = {url for path in CHAPTERS for url in re.findall(paper, text(path))}
    assert cited == listed
    years = {e['url']: e['year'] for e in pages.bibliography(NBS/'references.bib')}
    for path in CHAPTERS:  # the year that the text gives is the year in the list
        for words, url in re.findall(r'\[([^\]]*\d{4}\)?)\]' + paper, text(path)):
            assert years[url] in words


def test_the_list_of_references_is_a_page():
    page = dict(chapters=[], here=pages.Chapter('references', 'References', '', True))
    notebook = pages.references(NBS)['references']
    html = pages.render(notebook, {}, NBS, before=None, after=None, **page)
    assert html.split('<main')[1].count('<li>') == len(pages.bibliography(NBS/'references.bib'))
    text = html.split('<main')[1].split('</main>')[0]
    assert 'Jégou' in text and '{' not in text


def test_a_broken_bibliography_is_named(tmp_path):
    file = tmp_path/'references.bib'
    file.write_text('@article{a, title = {x}, title = {y}}')
    with pytest.raises(ValueError, match='references.bib'): pages.bibliography(file)


# --- the form that all chapters share

LEADS = ['What', 'Use it', 'Sensible values', 'Cost', 'Measured', 'Time']
TRAINED = [path for path in CHAPTERS if '01' <= path.stem < '12']  # on pictures of others, too
COLUMNS, EXPORTED_LINES, CAPTION_WORDS, PARAGRAPH_WORDS = 96, 20, 30, 120


def options(cell): return pages.options(cell)
def modules(): return [path for path in CHAPTERS if '#| default_exp' in text(path, 'code')]


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_chapter_opens_with_its_picture_and_its_card(path):
    opening = cells(path)[1].source
    assert re.match(rf'!\[[^\]]{{10,}}\]\(images/{path.stem}\.png\)', opening)
    assert (NBS/'images'/f'{path.stem}.png').is_file()
    yours = ['Yours'] if path in TRAINED else []  # what your numbers lie between
    assert re.findall(r'^- \*\*(.+?):\*\*', opening, re.M) == [*LEADS[:-1], *yours, LEADS[-1]]
    assert len(re.findall(r'^ +```', opening, re.M)) == 2  # how to use it, in the list's item


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_the_setup_is_one_folded_cell(path):
    "Before the first section: the parameters and the set-up, no other code."
    sources = [cell.source for cell in cells(path)]
    section = next(i for i, source in enumerate(sources) if source.startswith('## '))
    code = [cell for cell in cells(path)[:section] if cell.cell_type == 'code']
    setup = next(cell for cell in code if 'parameters' not in pages.tags(cell))
    assert len(code) <= 2
    assert options(setup)['code-fold'] is True and options(setup)['code-summary']


@pytest.mark.parametrize('path', modules(), **by_stem)
def test_a_notebook_is_named_after_its_module(path):
    assert re.findall(r'^#\| default_exp (\w+)', text(path, 'code'), re.M) == [name(path)]
    assert (ROOT/'sotatrain'/f'{name(path)}.py').is_file()


@pytest.mark.parametrize('path', modules(), **by_stem)
def test_the_help_of_a_module_shows_how_to_use_it(path):
    assert len(re.findall(r'^#\| exportd$', text(path, 'code'), re.M)) == 1
    docstring = importlib.import_module(f'sotatrain.{name(path)}').__doc__
    assert len(docstring.splitlines()) > 3 and '```' in docstring


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_an_exported_cell_is_short(path):
    for cell in cells(path, 'code'):
        if not re.search(r'^#\| *export', cell.source, re.M): continue
        lines = [line for line in cell.source.splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith('#|')]
        assert len(lines) <= EXPORTED_LINES, '\n'.join(lines[:3])


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_code_fits_on_a_page(path):
    lines = text(path, 'code').splitlines()
    words = re.compile(r'#\| (fig-cap|fig-subcap|fig-alt|tbl-cap):')
    code = [line for line in lines if not words.match(line)]
    assert not [line for line in code if len(line) > COLUMNS]


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_caption_is_short(path):
    for cell in cells(path, 'code'):
        for caption in ('fig-cap', 'tbl-cap'):
            words = options(cell).get(caption, '').split()
            assert len(words) <= CAPTION_WORDS, ' '.join(words)


# code, spans, formulas, tables, addresses
UNREAD = r'```.*?```|<!--.*?-->|\$\$.*?\$\$|^\|.*?$|(?<=\])\([^)]*\)'

@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_paragraphs_and_items_of_lists_are_short(path):
    for cell in cells(path, 'markdown'):
        read = re.sub(UNREAD, '', cell.source, flags=re.S | re.M)
        for part in re.split(r'\n\s*\n|\n(?=\s*(?:-|\d+\.) )', read):
            assert len(part.split()) <= PARAGRAPH_WORDS, f'{cell.id}: {part}'


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_the_code_of_a_figure_is_folded(path):
    for cell in cells(path, 'code'):
        label = str(options(cell).get('label', ''))
        if label.startswith('fig-'): assert options(cell).get('code-fold') is True, label


def sentences(file):
    "What a test file says in five words or more, without its docstrings."
    tree = ast.parse(file.read_text(encoding='utf-8'))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {ast.get_docstring(node, clean=False)
                  for node in ast.walk(tree) if isinstance(node, documented)}
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)
               and isinstance(node.value, str)} - docstrings
    def words(string): return [word for word in string.split() if re.search('[a-z]{2}', word)]
    return {' '.join(string.split()) for string in strings if len(words(string)) >= 5}


@pytest.mark.parametrize('file', sorted((ROOT/'tests').rglob('test_*.py')), **by_stem)
def test_no_test_asserts_a_sentence_of_a_chapter(file):
    "Prose may change, and be translated; numbers in it are renewed by a tool."
    prose = pages.without_comments(' '.join(map(text, NOTEBOOKS)))
    prose = ' '.join(prose.split())
    assert not [sentence for sentence in sentences(file) if sentence in prose]


# --- Colab

INSTALL = re.compile(r"^if 'COLAB_RELEASE_TAG' in os\.environ:.*\n    %pip install .*$", re.M)

@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_chapter_opens_on_colab(path):
    nb = nbformat.read(path, 4)
    colab = ADDRESS.replace('https://github.com', 'https://colab.research.google.com/github')
    assert f'{colab}/blob/main/nbs/{path.name}' in nb.cells[1].source
    assert nb.metadata.accelerator == 'GPU' and nb.metadata.colab


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_chapter_installs_itself_before_it_imports_anything_of_ours(path):
    code = text(path, 'code')
    install, = INSTALL.findall(code)
    assert INSTALL.findall(text(CHAPTERS[0], 'code')) == [install]
    assert f'git+{ADDRESS}' in install
    assert not re.search(r'^(from|import) (sotatrain|fastai)', code.split(install)[0], re.M)
    assert code.count('%pip install') == 1 and '!pip' not in code and 'drive.mount' not in code
