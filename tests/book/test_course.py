"""`make course` and `make outputs`: which chapters run, what is kept, stored and recorded."""
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import course, pages


def notebook(path, *code, title='# A title\n\n> An idea', parameters=False):
    cells = [new_markdown_cell(title), *map(new_code_cell, code)]
    tagged = new_code_cell('profile = None\ndata = None', metadata={'tags': ['parameters']})
    if parameters: cells.insert(1, tagged)
    kernel = dict(name='python3', display_name='Python 3', language='python')
    nbformat.write(new_notebook(cells=cells, metadata=dict(kernelspec=kernel)), path)


@pytest.fixture
def book(tmp_path, monkeypatch):
    "A book of three short chapters, of which the second one fails."
    nbs = tmp_path/'nbs'
    nbs.mkdir()
    notebook(nbs/'index.ipynb', title='# The book\n\n> A test')
    notebook(nbs/'01_first.ipynb', 'profile, data', parameters=True)
    notebook(nbs/'02_second.ipynb', '1', '1/0', parameters=True)
    notebook(nbs/'A1_more.ipynb', '6*7')
    monkeypatch.setattr(course, 'NBS', nbs)
    monkeypatch.setattr(course, 'OUT', tmp_path/'_course')
    monkeypatch.setattr(course, 'ROOT', tmp_path)
    monkeypatch.setattr(course, 'TIMES', tmp_path/'course.json')
    return tmp_path

def page(book, name): return (book/'_course'/f'{name}.html').read_text()


def test_a_failing_chapter_is_named_the_others_run_and_the_exit_code_tells(book, capsys):
    code = course.main(['--profile', 'smoke', '--data', str(book)])
    shown = capsys.readouterr()
    fault = 'cell 4: ZeroDivisionError: division by zero'
    assert code == 1
    assert f'02_second: {fault}' in shown.err
    table = shown.out.split('seconds  result')[1].splitlines()[1:]
    assert [(row.split()[0], row.split(maxsplit=2)[2]) for row in table if row] == [
        ('01_first', 'ok'),
        ('02_second', fault),
        ('A1_more', 'ok')]
    assert f"('smoke', '{book}')" in page(book, '01_first').replace('&#39;', "'")
    assert 'ZeroDivisionError' in page(book, '02_second')
    index = page(book, 'index')
    places = [index.index(f'{name}.html') for name in ('01_first', '02_second', 'A1_more')]
    assert places == sorted(places)


def test_chosen_chapters_only(book, capsys):
    assert course.main(['--profile', 'smoke', '--data', '', '--chapters', '01 A1']) == 0
    assert sorted(p.stem for p in (book/'_course').glob('*.ipynb')) == ['01_first', 'A1_more']
    index = page(book, 'index')
    assert '02_second.html' not in index and 'not run yet' in index
    assert 'A1_more.html' in page(book, '01_first')  # the next page that exists


@pytest.mark.parametrize('args,says', [
    (['--language', 'fr'], "no language 'fr': choose one of en, zh"),
    (['--chapters', '07'], 'no chapter starts with 07: choose from 01_first'),
    (['--profile', 'gpuu'], "unknown profile 'gpuu': choose one of smoke, cpu, gpu, long")])
def test_an_unknown_choice_ends_with_a_sentence(book, args, says):
    with pytest.raises(SystemExit, match=says): course.main(args)


@pytest.mark.parametrize('chosen,shown', [
    ([], 'en'), (['--language', 'zh'], 'zh'), (['--language', ''], 'en')])
def test_pages_open_in_the_chosen_language_and_what_runs_is_english(book, chosen, shown):
    notebook(book/'nbs'/'01_first.ipynb', "import os; os.environ['SOTATRAIN_LANGUAGE']")
    course.main(['--profile', 'smoke', '--chapters', '01', *chosen])
    html = page(book, '01_first')
    assert f"localStorage.language || '{shown}'" in html and "'en'" in html.split('</head>')[1]


def test_an_interruption_keeps_what_is_finished(book, monkeypatch):
    run = course.run
    def interrupted(source, *args, **kwargs):
        if not source.stem.startswith('02'): return run(source, *args, **kwargs)
        signal.raise_signal(signal.SIGINT)
        time.sleep(3)  # by then nobody waits for it any more
        return course.Result(source.stem, 3)
    monkeypatch.setattr(course, 'run', interrupted)
    chosen = ['--profile', 'smoke', '--jobs', '1', '--chapters', '01 02 A1']
    assert course.main(chosen) == 1
    finished = {path.stem for path in (book/'_course').glob('*.html')}
    assert '01_first' in finished and 'A1_more' not in finished


def test_an_interrupted_chapter_leaves_the_whole_one_of_before(book, monkeypatch):
    notebook(book/'nbs'/'A1_more.ipynb', '6*7')
    assert course.main(['--profile', 'smoke', '--chapters', 'A1']) == 0
    before = (book/'_course'/'A1_more.ipynb').read_text()
    longer = 'import time; time.sleep(60)'
    notebook(book/'nbs'/'A1_more.ipynb', "6*8", "open('begun', 'w')", longer)
    def until_begun(seconds):
        time.sleep(seconds)
        if (book/'nbs'/'begun').exists(): signal.raise_signal(signal.SIGINT)
    own_time = SimpleNamespace(sleep=until_begun, time=time.time)  # not everybody's
    monkeypatch.setattr(course, 'time', own_time)
    assert course.main(['--profile', 'smoke', '--chapters', 'A1']) == 1
    assert (book/'_course'/'A1_more.ipynb').read_text() == before


def test_two_at_a_time_the_longest_come_first_and_the_table_has_the_order_of_the_book(
        book, capsys):
    row = dict(device='a', cores=2, date='2026-01-01')
    rows = [row | dict(chapter=name, profile=profile, seconds=seconds)
            for name, profile, seconds in (('01_first', 'smoke', 2), ('A1_more', 'smoke', 3),
                                           ('02_second', 'cpu', 9))]
    (book/'course.json').write_text(json.dumps(dict(rows=rows)))
    course.main(['--profile', 'smoke', '--jobs', '2'])
    begun, table = capsys.readouterr().out.split('seconds  result')
    places = [begun.index(f'{name} …') for name in ('A1_more', '01_first', '02_second')]
    assert places == sorted(places)
    assert [line.split()[0] for line in table.split('\n') if line] == [
        '01_first', '02_second', 'A1_more']


def test_folders_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'mine').mkdir()
    assert course.locate('mine') == str(tmp_path/'mine')
    assert course.locate('imagenette') == 'imagenette' and course.locate(None) is None


def test_parameters_cell_may_be_missing(book):
    assert course.takes_parameters(book/'nbs'/'01_first.ipynb')
    assert not course.takes_parameters(book/'nbs'/'A1_more.ipynb')


def one(output): return new_notebook(cells=[new_code_cell('x', outputs=[output])])
def result(text, **data):
    return new_output('execute_result', data={'text/plain': text} | data)


@pytest.mark.parametrize('output,fault', [
    (new_output('stream', name='stderr', text='careful'), 'wrote to stderr: careful'),
    (result(f"Path('{course.Path.home()}/data')"), 'shows a path of this machine'),
    (result('<a.Legend at 0x7fc3>'), 'shows <a.Legend at 0x7fc3>.*semicolon')])
def test_what_should_not_be_stored_is_named(output, fault):
    with pytest.raises(ValueError, match=f'cell 1 {fault}'): course.check_outputs(one(output))


@pytest.mark.parametrize('output', [
    result('42'),
    result('<IPython.core.display.HTML object>', **{'text/html': '<b>a</b>'})])
def test_what_a_reader_can_use_is_stored(output): course.check_outputs(one(output))


def test_a_warning_of_libraries_is_silent_and_no_other():
    def said(words):
        code = f'import warnings; warnings.warn({words!r}, FutureWarning)'
        return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                              env=os.environ | {'PYTHONWARNINGS': course.QUIET}).stderr
    assert not said('`torch.jit.script` is deprecated. Please switch to `torch.compile`.')
    assert 'is slow' in said('yours is slow')


def test_storing_keeps_the_source_and_replaces_the_outputs(book, monkeypatch):
    # nbdev-clean reads the project's settings
    monkeypatch.setattr(course, 'ROOT', pages.TEMPLATES.parent)
    source = book/'nbs'/'01_first.ipynb'
    before = nbformat.read(source, 4)
    assert course.main(['--profile', 'smoke', '--chapters', '01', '--store']) == 0
    after = nbformat.read(source, 4)
    assert [c.source for c in after.cells] == [c.source for c in before.cells]
    assert after.cells[1].metadata.tags == ['parameters'] and 'papermill' not in after.metadata
    assert "'smoke'" in after.cells[2].outputs[0].data['text/plain']


def test_a_failing_chapter_is_not_stored(book):
    before = (book/'nbs'/'02_second.ipynb').read_bytes()
    assert course.main(['--profile', 'smoke', '--chapters', '02', '--store']) == 1
    assert (book/'nbs'/'02_second.ipynb').read_bytes() == before


# --- how long a chapter takes

def times(book):
    rows = json.loads((book/'course.json').read_text())['rows']
    return {(row['chapter'], row['profile']): row['seconds'] for row in rows}


def test_times_are_recorded_of_the_chapters_that_ran(book):
    course.main(['--profile', 'smoke', '--times'])
    found = times(book)
    assert list(found) == [('01_first', 'smoke'), ('A1_more', 'smoke')]
    assert all(seconds > 0 for seconds in found.values())
    assert json.loads((book/'course.json').read_text())['conditions']['cores']


def test_other_profiles_and_chapters_keep_their_times(book):
    file = book/'course.json'
    course.record([course.Result('01_first', 70.04), course.Result('A1_more', 8)], 'cpu', file)
    failed = course.Result('02_second', 9, 'no')
    course.record([course.Result('01_first', 5), failed], 'smoke', file)
    course.record([course.Result('01_first', 66)], 'cpu', file)
    assert times(book) == {
        ('01_first', 'cpu'): 66,
        ('01_first', 'smoke'): 5,
        ('A1_more', 'cpu'): 8}


def test_times_are_recorded_only_when_asked_for(book):
    course.main(['--profile', 'smoke', '--chapters', '01'])
    assert not (book/'course.json').exists()
