"""Many pictures in the memory of a few, and what a model scores on them."""
import itertools
import re
import shutil
import threading
import weakref

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sotatrain.core.threads import ahead_in_threads
from sotatrain.deploy import Evaluation, evaluate, load_model, predictions
from sotatrain.deploy.about import read_about
from sotatrain.deploy.card import card, metadata, most_confused
from sotatrain.deploy.stream import picture_files
from sotatrain.tta import calibration_error

pytestmark = pytest.mark.usefixtures('registered')


@pytest.fixture
def model(trained): return load_model(trained[1])


# --- threads

@given(st.lists(st.integers(), max_size=30), st.integers(1, 9), st.integers(1, 4))
def test_results_come_in_order_whatever_is_ahead(items, ahead, workers):
    assert [*ahead_in_threads(str, items, ahead, workers)] == [*map(str, items)]


def test_no_more_is_read_than_is_ahead():
    read = itertools.count()
    results = ahead_in_threads(lambda n: n, (next(read) for _ in itertools.count()), 5, 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert next(read) <= 3 + 5


def test_an_error_comes_when_its_turn_does_and_threads_end():
    results = ahead_in_threads(lambda n: 1 / n, [2, 1, 0, 1], 4)
    assert [next(results), next(results)] == [.5, 1]
    with pytest.raises(ZeroDivisionError): next(results)
    assert not [t for t in threading.enumerate() if 'ThreadPool' in t.name]


# --- predictions

class Picture(np.ndarray):
    "One that can be watched."


def test_ten_thousand_pictures_are_never_in_memory_together(model):
    alive, most = 0, 0
    def gone():
        nonlocal alive
        alive -= 1
    def pictures():
        nonlocal alive, most
        for n in range(10_000):
            picture = np.full((2, 2, 3), n % 256, np.uint8).view(Picture)
            weakref.finalize(picture, gone)
            alive += 1
            most = max(most, alive)
            yield picture
    count = sum(1 for _ in predictions(model, pictures(), bs=64))
    assert count == 10_000 and most <= 3*64 + 2


def test_an_endless_source_is_no_problem(model):
    endless = itertools.cycle([np.zeros((2, 2, 3), np.uint8)])
    first = [*itertools.islice(predictions(model, endless, bs=4), 10)]
    assert len(first) == 10


def test_what_cannot_be_decoded_is_said_in_its_place(model, tiny, tmp_path):
    (tmp_path/'bad.jpg').write_text('no')
    good = [*picture_files(tiny/'val')][:3]
    sources = [good[0], tmp_path/'bad.jpg', good[1], tmp_path/'none.jpg', 34, good[2]]
    for bs in 1, 2, 64:
        found = [*predictions(model, sources, bs)]
        assert [each.source for each in found] == sources
        assert [each.error is None for each in found] == [True, False, True, False, False, True]
        torch.testing.assert_close(
            torch.stack([each.probabilities for each in found if not each.error]),
            model.predict(good))


def test_only_pictures_of_a_folder_are_found_each_once_in_order(tmp_path):
    for name in ('b/2.jpg', 'b/1.png', 'a.JPG', 'notes.txt', '.hidden/3.jpg', 'b/.4.jpg'):
        (tmp_path/name).parent.mkdir(exist_ok=True)
        (tmp_path/name).touch()
    names = [file.relative_to(tmp_path).as_posix() for file in picture_files(tmp_path)]
    assert names == ['a.JPG', 'b/1.png', 'b/2.jpg']


# --- scores

def answers(n=200, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    p = (3 * torch.randn(n, classes, generator=generator)).softmax(-1)
    return p, torch.randint(classes, (n,), generator=generator)


def scored(p, labels, parts=1):
    found = Evaluation([*'abcd'])
    for part in torch.arange(len(p)).chunk(parts): found.add(p[part], labels[part])
    return found


def test_scores_are_those_of_the_library_in_any_number_of_parts():
    p, labels = answers()
    for parts in 1, 3, 200:
        found = scored(p, labels, parts)
        assert found.accuracy['value'] == (p.argmax(-1) == labels).float().mean()
        assert found.calibration_error['value'] == pytest.approx(calibration_error(p, labels))
        nll = torch.nn.functional.nll_loss(p.log(), labels).item()
        assert found.log_loss == pytest.approx(nll)
        assert found.confusion.sum() == len(found) == 200
        assert found.confusion[1, 2] == ((labels == 1) & (p.argmax(-1) == 2)).sum()


def test_intervals_contain_their_value_and_get_shorter():
    few, many = scored(*answers(50)), scored(*answers(5000))
    for name in ('accuracy', 'calibration_error'):
        for found in few, many:
            values = getattr(found, name)
            assert 0 <= values['low'] <= values['value'] <= values['high'] <= 1
        widths = [getattr(found, name) for found in (few, many)]
        assert widths[0]['high'] - widths[0]['low'] > widths[1]['high'] - widths[1]['low']
    assert few.calibration_error == few.calibration_error  # nothing random is left


def test_the_interval_of_the_calibration_error_is_that_of_more_pictures():
    "Its half is two standard deviations of what other samples of the same size give."
    errors = [calibration_error(*answers(1000, seed=seed)) for seed in range(60)]
    values = scored(*answers(1000)).calibration_error
    assert (values['high'] - values['low']) / 2 == pytest.approx(1.96 * np.std(errors), rel=.4)


def test_classes_without_pictures_have_no_accuracy():
    found = scored(torch.eye(4)[:2], torch.tensor([0, 0]))
    assert {*found.by_class} == {'a'} and found.by_class['a']['n'] == 2
    assert found.by_class['a']['value'] == .5


def test_what_is_confused_is_listed_by_how_often():
    confusion = [[5, 3, 0], [1, 9, 0], [4, 0, 0]]
    assert most_confused('xyz', confusion, 2) == [('z', 'x', 4, 4), ('x', 'y', 3, 8)]
    assert most_confused('xy', np.eye(2)) == []


def test_a_wrong_number_of_classes_or_labels_is_refused():
    p, labels = answers()
    with pytest.raises(ValueError, match='probabilities'): scored(p[:, :3], labels)
    with pytest.raises(ValueError, match='labels'): scored(p, labels + 1)


def test_the_confusion_is_drawn():
    from matplotlib.figure import Figure
    found = scored(*answers())
    ax = found.plot(Figure().subplots())
    assert [label.get_text() for label in ax.get_yticklabels()] == [*'abcd']
    assert len(ax.texts) == np.count_nonzero(found.confusion)


# --- a folder with labels

def test_a_folder_is_scored_as_the_learner_scores(model, trained, tiny):
    p, labels = trained[0].get_preds()
    for folder in tiny, tiny/'val':
        found = evaluate(model, folder, bs=7)
        assert found.accuracy['value'] == pytest.approx((p.argmax(-1) == labels).float().mean())
        assert found.calibration_error['value'] == pytest.approx(
            calibration_error(p, labels), abs=1e-4)
        assert found.to_dict() == {k: v for k, v in model.about.measured.items()
                                   if k != 'report'}


def test_folders_may_have_the_names_of_classes(model, tiny, tmp_path):
    shutil.copytree(tiny/'val'/'n03028079', tmp_path/'church')
    (tmp_path/'church'/'bad.jpg').write_text('no')
    (tmp_path/'notes.txt').touch()
    done = []
    found = evaluate(model, tmp_path, done=lambda: done.append(1))
    assert [*found.by_class] == ['church'] and len(done) == len(found) + 1
    assert [file.name for file in found.failed] == ['bad.jpg']


def test_folders_that_cannot_be_scored_say_why(model, tiny, tmp_path):
    def says(error, match):
        with pytest.raises(error, match=match): evaluate(model, tmp_path)
    says(ValueError, 'has no pictures in its classes')
    (tmp_path/'church').mkdir()
    (tmp_path/'church'/'a.jpg').touch()
    says(ValueError, 'none of 1 pictures of .* can be decoded')
    (tmp_path/'curch').mkdir()
    says(ValueError, "curch: 'curch' is no class of the model; did you mean 'church'")
    (tmp_path/'a.jpg').touch()
    says(ValueError, "a.jpg is in no class's folder.*sotatrain predict")
    with pytest.raises(FileNotFoundError, match='nowhere is no folder'):
        evaluate(model, tmp_path/'nowhere')


# --- the card

@pytest.fixture
def about(trained): return read_about(trained[1])


def head_of(text): return yaml.safe_load(text.split('---\n')[1])


def test_the_head_of_a_card_is_what_the_hub_reads(about, trained):
    text = (trained[1]/'README.md').read_text(encoding='utf-8')
    assert text == card(about)
    head = head_of(text)
    assert head == metadata(about)
    assert head['license'] == 'apache-2.0' and head['library_name'] == 'sotatrain'
    assert head['pipeline_tag'] == 'image-classification' in head['tags']
    result, = head['model-index'][0]['results']
    values = {metric['type']: metric['value'] for metric in result['metrics']}
    assert values['accuracy'] == about.measured['accuracy']['value']
    assert values['expected_calibration_error'] == about.measured['calibration_error']['value']


def test_the_hubs_own_reader_understands_the_head(about):
    hub = pytest.importorskip('huggingface_hub')
    data = hub.ModelCard(card(about)).data
    assert data.license == 'apache-2.0' and data.model_name == about.name
    assert {result.metric_type: result.metric_value for result in data.eval_results}[
        'accuracy'] == about.measured['accuracy']['value']


def test_the_numbers_of_a_card_are_those_that_were_measured(about):
    text, found = card(about), about.measured
    for key in 'accuracy', 'calibration_error':
        numbers = [f'{100 * found[key][name]:.1f}' for name in ('value', 'low', 'high')]
        assert '{} % ({} to {})'.format(*numbers) in text
    for name, values in found['by_class'].items():
        row = re.search(rf'\| {re.escape(name)} \((\d+)\) \| ([\d.]+) %', text)
        assert int(row[1]) == values['n'] and float(row[2]) == round(100 * values['value'], 1)
    rows = re.findall(r'\| (.*) → (.*) \| (\d+) of (\d+) \|', text)
    expected = most_confused(about.classes, found['confusion'])
    assert [(*row[:2], *map(int, row[2:])) for row in rows] == expected
    assert about.data['val_content'] in text and 'drawings' in text


def test_the_lines_of_a_card_work(trained, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(trained[1].parent)
    code = re.search(r'```python\n(.*?)```', (trained[1]/'README.md').read_text(), re.S)[1]
    assert len(code.splitlines()) == 4
    picture = [*picture_files(tiny/'val')][0]
    exec(code.replace('picture.jpg', str(picture)), {})
    assert re.match(r'[\w ]+ \d+\.\d%', capsys.readouterr().out)
