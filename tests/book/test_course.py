import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import course, pages


def notebook(path, *code, title='# A title\n\n> An idea', parameters=False):
    cells = [new_markdown_cell(title), *map(new_code_cell, code)]
    if parameters: cells.insert(1, new_code_cell('profile = None\ndata = None', metadata={'tags': ['parameters']}))
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
    return tmp_path


def test_a_failing_chapter_is_named_the_others_run_and_the_exit_code_tells(book, capsys):
    code = course.main(['--profile', 'smoke', '--data', str(book)])
    shown = capsys.readouterr()
    assert code == 1
    assert '02_second: cell 4: ZeroDivisionError: division by zero' in shown.err
    table = shown.out.split('seconds  result')[1].splitlines()[1:]
    assert [(row.split()[0], row.split(maxsplit=2)[2]) for row in table if row] == [
        ('01_first', 'ok'), ('02_second', 'cell 4: ZeroDivisionError: division by zero'), ('A1_more', 'ok')]
    assert f"('smoke', '{book}')" in (book/'_course'/'01_first.html').read_text().replace('&#39;', "'")
    assert 'ZeroDivisionError' in (book/'_course'/'02_second.html').read_text()
    index = (book/'_course'/'index.html').read_text()
    assert index.index('01_first.html') < index.index('02_second.html') < index.index('A1_more.html')


def test_chosen_chapters_only(book, capsys):
    assert course.main(['--profile', 'smoke', '--data', '', '--chapters', '01 A1']) == 0
    assert sorted(p.stem for p in (book/'_course').glob('*.ipynb')) == ['01_first', 'A1_more']
    index = (book/'_course'/'index.html').read_text()
    assert '02_second.html' not in index and 'not run yet' in index
    assert 'A1_more.html' in (book/'_course'/'01_first.html').read_text()  # the next page that exists


@pytest.mark.parametrize('args,says', [
    (['--chapters', '07'], 'no chapter starts with 07: choose from 01_first'),
    (['--profile', 'gpuu'], "unknown profile 'gpuu': choose one of smoke, cpu, gpu, long")])
def test_unknown_chapter_or_profile_ends_with_a_sentence(book, args, says):
    with pytest.raises(SystemExit, match=says): course.main(args)


def test_an_interruption_keeps_what_is_finished(book, monkeypatch):
    run = course.run
    def interrupted(source, *args, **kwargs):
        if source.stem.startswith('02'): raise KeyboardInterrupt
        return run(source, *args, **kwargs)
    monkeypatch.setattr(course, 'run', interrupted)
    assert course.main(['--profile', 'smoke', '--chapters', '01 02 A1']) == 1
    assert (book/'_course'/'01_first.html').exists() and not (book/'_course'/'A1_more.html').exists()


def test_folders_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'mine').mkdir()
    assert course.locate('mine') == str(tmp_path/'mine')
    assert course.locate('imagenette') == 'imagenette' and course.locate(None) is None


def test_parameters_cell_may_be_missing(book):
    assert course.takes_parameters(book/'nbs'/'01_first.ipynb') and not course.takes_parameters(book/'nbs'/'A1_more.ipynb')


def test_outputs_are_checked_before_they_are_stored(monkeypatch, tmp_path):
    def one(*outputs): return new_notebook(cells=[new_code_cell('x', outputs=list(outputs))])
    result = lambda text: new_output('execute_result', data={'text/plain': text})
    course.check_outputs(one(result('42')))
    with pytest.raises(ValueError, match='cell 1 wrote to stderr: careful'):
        course.check_outputs(one(new_output('stream', name='stderr', text='careful')))
    with pytest.raises(ValueError, match='cell 1 shows a path of this machine'):
        course.check_outputs(one(result(f"Path('{course.Path.home()}/data')")))
    with pytest.raises(ValueError, match='cell 1 shows <matplotlib.legend.Legend at 0x7fc3>.*semicolon'):
        course.check_outputs(one(result('<matplotlib.legend.Legend at 0x7fc3>')))
    course.check_outputs(one(new_output('display_data', data={'text/plain': '<IPython.core.display.HTML object>', 'text/html': '<b>a</b>'})))


def test_storing_keeps_the_source_and_replaces_the_outputs(book, monkeypatch):
    monkeypatch.setattr(course, 'ROOT', pages.TEMPLATES.parent)  # nbdev-clean reads the project's settings
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
