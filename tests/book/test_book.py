"""What would break the site, checked without Quarto: structure, references, links, captions, citations; and what Colab needs."""
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
from tools import pages, tables

if sys.version_info >= (3, 11): import tomllib
else: import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
NBS = ROOT/'nbs'
NOTEBOOKS = pages.notebooks(NBS)
CHAPTERS = [path for path in NOTEBOOKS if path.stem != 'index']
BOOK = yaml.safe_load((ROOT/'_quarto.yml').read_text())
ADDRESS = tomllib.loads((ROOT/'pyproject.toml').read_text())['project']['urls']['Repository']
by_stem = dict(ids=lambda path: path.stem)


def cells(path, kind): return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == kind]
def text(path): return '\n\n'.join(cell.source for cell in cells(path, 'markdown'))


# --- structure

def test_every_notebook_is_in_the_book_once_and_in_order():
    def listed(entries): return [name for entry in entries for name in (listed(entry['chapters']) if isinstance(entry, dict) else [entry])]
    chapters, appendices = listed(BOOK['book']['chapters']), listed(BOOK['book']['appendices'])
    assert [name for name in chapters + appendices if name.endswith('.ipynb')] == [path.name for path in NOTEBOOKS]
    assert all((NBS/name).exists() for name in chapters + appendices)


def test_what_the_settings_name_exists():
    book = BOOK['book']
    for name in (book['cover-image'], book['favicon'], BOOK['bibliography']): assert (NBS/name).is_file()
    assert book['cover-image-alt'] and book['search'] and set(BOOK['format']['html']['theme']) == {'light', 'dark'}


def test_the_address_is_the_same_everywhere():
    assert BOOK['book']['repo-url'] == ADDRESS
    for path in (*NBS.glob('*.ipynb'), ROOT/'README.md', ROOT/'CITATION.cff'):
        wrong = [m for m in re.findall(r'github(?:\.com)?/\w+/sotatrain', path.read_text()) if not ADDRESS.endswith(m.split('/', 1)[1])]
        assert not wrong, path.name


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT/'CITATION.cff').read_text())
    assert citation['version'] == sotatrain.__version__ and citation['repository-code'] == ADDRESS


@pytest.fixture(scope='module')
def processed(tmp_path_factory):
    "The notebooks as nbdev hands them to Quarto."
    tmp = tmp_path_factory.mktemp('book')
    for name in ('nbs', 'sotatrain'): shutil.copytree(ROOT/name, tmp/name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__', '.*'))
    for name in ('pyproject.toml', 'README.md', '_quarto.yml'): shutil.copy(ROOT/name, tmp)
    code = "from nbdev.serve import proc_nbs; import os; os.environ['NBDEV_CONFIG'] = '.'; proc_nbs(n_workers=0)"
    done = subprocess.run([sys.executable, '-c', f"if __name__ == '__main__':\n    {code}"], cwd=tmp, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tmp/'_proc'


def test_all_pages_are_handed_on(processed):
    names = {path.name for path in NBS.iterdir() if not path.name.startswith(('.', 'llms'))} - {'nbdev.yml'}
    assert names <= {path.name for path in processed.iterdir()}


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_no_directive_of_nbdev_survives(processed, path):
    for cell in cells(processed/path.name, 'code'):
        options = [line for line in cell.source.splitlines() if line.startswith('#|')]
        assert all(re.match(r'#\| [\w-]+: \S', line) for line in options), options
        assert cell.source.splitlines()[:len(options)] == options, 'options come first'
        assert isinstance(yaml.safe_load('\n'.join(line[3:] for line in options) or '{}'), dict)


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_the_site_shows_the_code_of_what_is_exported(processed, path):
    def defined(notebook): return set(re.findall(r'^(?:def|class) (\w+)', '\n'.join(cell.source for cell in cells(notebook, 'code')), re.M))
    assert defined(processed/path.name) == defined(path)
    code = '\n'.join(cell.source for cell in cells(processed/path.name, 'code'))
    assert 'COLAB_RELEASE_TAG' not in code and 'default_exp' not in code and 'show_doc' not in code


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_bare_directives_and_options_are_never_in_one_cell(path):
    for cell in cells(path, 'code'):
        lines = re.findall(r'^#\| *(.*)', cell.source, re.M)
        assert len({':' in line for line in lines}) < 2, lines


# --- the README

README = (ROOT/'README.md').read_text(encoding='utf-8')

@pytest.mark.parametrize('table', ['chapters', 'results'])
def test_readme_and_preface_show_the_same_tables_as_the_notebooks_and_the_stored_runs(table):
    preface, = (cell.source for cell in cells(tables.PREFACE, 'markdown') if f'<!-- {table}:' in cell.source)
    for text, nbs in ((README, 'nbs/'), (preface, '')):
        assert text == tables.renewed(text, nbs) and getattr(tables, table)(nbs) in text
    assert getattr(tables, table)('').count('\n') >= 8


def test_the_readme_links_to_what_exists():
    for file in ('README.md', 'CONTRIBUTING.md'):
        for target in re.findall(r'\]\((?!https?://)([^)\s]+)\)', (ROOT/file).read_text(encoding='utf-8')): assert (ROOT/target).exists(), target
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


# --- references, links, captions, citations

NUMBERS = {label: where for path in CHAPTERS for label, where in
           pages.number_labels(pages.describe(path.stem, nbformat.read(path, 4), True), nbformat.read(path, 4)).items()}


def test_labels_are_unique():
    labels = [label for path in CHAPTERS for label in re.findall(r'(?:#\| label: |\{#)((?:fig|eq|tbl)-[\w-]+)', '\n'.join(c.source for c in nbformat.read(path, 4).cells))]
    assert len(labels) == len(set(labels)) == len(NUMBERS)


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_every_reference_resolves(path):
    for cell in nbformat.read(path, 4).cells:
        prose = cell.source if cell.cell_type == 'markdown' else '\n'.join(line for line in cell.source.splitlines() if line.startswith('#|'))
        assert not [name for name in pages.REFERENCE.findall(prose) if name not in NUMBERS]


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_internal_links_resolve(path):
    for target in re.findall(r'\]\((?!https?://)([^)\s]+)\)', text(path)):
        file, _, _ = unquote(target).partition('#')
        assert not file or (NBS/file).exists(), target


@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_figure_has_label_caption_and_description_in_quotes(path):
    for cell in cells(path, 'code'):
        keys = re.findall(r'^#\| ((?:fig|tbl)-[\w-]+|label): *(.*)', cell.source, re.M)
        captions = {key: value for key, value in keys if key in ('fig-cap', 'fig-alt', 'tbl-cap')}
        assert all(re.fullmatch(r'".+"', value) for value in captions.values()), captions
        if 'fig-cap' in captions: assert {'label', 'fig-alt'} <= dict(keys).keys()


def test_papers_and_bibliography_agree():
    listed = {entry['url'] for entry in pages.bibliography(NBS/'references.bib')}
    cited = {url for path in CHAPTERS for url in re.findall(r'\((https://(?:arxiv\.org|doi\.org)/[^)\s]+)\)', text(path))}
    assert cited == listed
    for path in CHAPTERS:  # the year that the text gives is the year in the list
        for words, url in re.findall(r'\[([^\]]*\d{4}\)?)\]\((https://(?:arxiv|doi)\.org/[^)\s]+)\)', text(path)):
            assert next(e for e in pages.bibliography(NBS/'references.bib') if e['url'] == url)['year'] in words


def test_the_list_of_references_is_a_page():
    html = pages.render(pages.references(NBS)['references'], {}, NBS, chapters=[], here=pages.Chapter('references', 'References', '', True), before=None, after=None)
    assert html.count('<li>') == len(pages.bibliography(NBS/'references.bib')) and 'Jégou' in html and '{' not in re.sub('<style>.*?</style>', '', html, flags=re.S)


def test_a_broken_bibliography_is_named(tmp_path):
    (tmp_path/'references.bib').write_text('@article{a, title = {x}, title = {y}}')
    with pytest.raises(ValueError, match='references.bib'): pages.bibliography(tmp_path/'references.bib')


# --- Colab

@pytest.mark.parametrize('path', CHAPTERS, **by_stem)
def test_a_chapter_opens_and_installs_itself_on_colab(path):
    nb = nbformat.read(path, 4)
    assert f"{ADDRESS.replace('https://github.com', 'https://colab.research.google.com/github')}/blob/main/nbs/{path.name}" in nb.cells[1].source
    first = next(cell for cell in nb.cells if cell.cell_type == 'code')
    assert first.source == next(cell for cell in nbformat.read(CHAPTERS[0], 4).cells if cell.cell_type == 'code').source
    assert f'git+{ADDRESS}' in first.source and "'COLAB_RELEASE_TAG' in os.environ" in first.source and not first.outputs
    assert nb.metadata.accelerator == 'GPU' and nb.metadata.colab
    code = '\n'.join(cell.source for cell in cells(path, 'code'))
    assert code.count('%pip install') == 1 and '!pip' not in code and 'drive.mount' not in code
