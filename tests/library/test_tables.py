"""Labels in a table, several labels, few of a kind."""
import math
import unicodedata
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, fbeta_score

from sotatrain.doodlenette.tiles import TAGS, tile, tiles
from sotatrain.learner import make_learner
from sotatrain.presize import get_dls
from sotatrain.tables import *
from sotatrain.transfer import fit_head
from tests.networks import Net

# --- what is wrong with a table

@pytest.fixture
def folder(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'c, d.jpg', unicodedata.normalize('NFD', 'é.jpg')):
        (tmp_path/name).touch()
    return tmp_path


@pytest.fixture(scope='module')
def empty(tmp_path_factory): return tmp_path_factory.mktemp('empty')


def found(folder, rows, **more):
    "Faults as (row, fault)."
    table = pd.DataFrame(rows, columns=['file', 'label'], dtype=str)
    return [(row.row, row.fault)
            for row in faults(table, 'file', 'label', folder, **more).itertuples()]


def test_a_sound_table_has_no_faults(folder):
    (folder/'table.csv').write_text('file,label\na.jpg,x\nb.jpg,NA\n"c, d.jpg",007\n')
    table = pd.read_csv(folder/'table.csv', dtype=str, keep_default_na=False)
    assert not len(faults(table, 'file', 'label', folder))
    assert [*table.label] == ['x', 'NA', '007']


@pytest.mark.parametrize('rows, expected', [
    ([('lost.jpg', 'x')], [(0, 'no such file')]),
    ([('', 'x')], [(0, 'no name')]),
    ([('a.jpg', 'x'), ('b.jpg', 'x'), ('a.jpg', 'y')], [(2, 'named in row 0, too')]),
    ([('A.JPG', 'x')], [(0, "written otherwise: the file is 'a.jpg'")]),
    ([('a.jpg ', 'x')], [(0, "written otherwise: the file is 'a.jpg'")]),
    ([('a.jpg', ' ')], [(0, 'no label')]),
    ([('a.jpg', 'x ')], [(0, "spaces around 'x'")]),
    ([('a.jpg', 'z')], [(0, "unknown: 'z'")])])
def test_each_fault_is_found(folder, rows, expected):
    assert found(folder, rows, known=['x', 'y']) == expected


def test_an_accent_may_be_written_in_two_ways(folder):
    (_, fault), = found(folder, [(unicodedata.normalize('NFC', 'é.jpg'), 'x')])
    assert fault.startswith('written otherwise: the file is ')


def test_rows_may_have_any_index(folder):
    table = pd.DataFrame({'file': ['a.jpg', 'lost.jpg'], 'label': ['x', 'x']}, index=[5, 5])
    row, = faults(table, 'file', 'label', folder).itertuples()
    assert (row.row, row.value) == (5, 'lost.jpg')


def test_a_folder_is_no_file_and_has_to_be_there(folder):
    (folder/'sub').mkdir()
    assert found(folder, [('sub', 'x')]) == [(0, 'no such file')]
    with pytest.raises(ValueError, match='there is no folder'): found(folder/'lost', [])


def test_of_several_labels_none_is_empty(folder):
    assert found(folder, [('a.jpg', 'x,'), ('b.jpg', ',')], sep=',') == [
        (0, 'no label'), (1, 'no label')]


def test_of_several_labels_each_is_looked_at(folder):
    assert found(folder, [('a.jpg', 'x y'), ('b.jpg', 'x z x')], known=['x', 'y'], sep=' ') == [
        (1, "'x' twice"), (1, "unknown: 'z'")]


def test_a_table_that_is_not_text_is_refused(folder):
    table = pd.DataFrame({'file': ['a.jpg', 'b.jpg'], 'label': ['x', np.nan]})
    with pytest.raises(ValueError, match='label is not all text: read the table with'):
        faults(table, 'file', 'label', folder)
    with pytest.raises(ValueError, match="no column 'tag': the table has file, label"):
        faults(table, 'file', 'tag', folder)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=6))
def test_any_text_is_sound_or_has_a_fault_in_its_row(empty, rows):
    lines = found(empty, rows)
    assert {row for row, fault in lines if fault != 'no label'} == {*range(len(rows))}


# --- how many pictures

@pytest.mark.parametrize('width, share, n', [(.05, .8, 246), (.02, .9, 865), (.05, 0., 0)])
def test_pictures_needed(width, share, n):
    assert pictures_needed(width, share) == n
    if n: assert 1.96 * math.sqrt(share * (1 - share) / n) <= width


# --- few of a kind

def scores(n=60, k=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    p = torch.randn(n, k, generator=generator).softmax(1)
    return p, torch.randint(k, (n,), generator=generator)


def test_balanced_accuracy_is_that_of_scikit_learn():
    p, y = scores()
    assert balanced_accuracy(p, y) == pytest.approx(balanced_accuracy_score(y, p.argmax(1)))


def test_shares_and_what_has_none():
    assert torch.equal(class_shares(torch.tensor([0, 1, 1, 1]), 2), torch.tensor([.25, .75]))
    with pytest.raises(ValueError, match='class 2 has no picture'):
        class_shares(torch.tensor([0, 1]), 3)


def test_other_shares_are_bayes_rule_and_can_be_taken_back():
    p, was, now = torch.tensor([[.5, .5]]), torch.tensor([.5, .5]), torch.tensor([.9, .1])
    moved = with_shares(p, was, now)
    torch.testing.assert_close(moved, torch.tensor([[.9, .1]]))
    torch.testing.assert_close(with_shares(moved, now, was), p)


def test_shares_that_say_nothing_are_refused():
    p, even = torch.tensor([[0., 1]]), torch.tensor([.5, .5])
    with pytest.raises(ValueError, match='class 0 was never seen'):
        with_shares(p, torch.tensor([0., 1]), even)
    with pytest.raises(ValueError, match='whose share is 0 now'):
        with_shares(p, even, torch.tensor([1., 0]))


def test_oversampling_shows_all_and_makes_them_even():
    y = torch.tensor([0]*7 + [1]*2 + [2]*5)
    rows = oversampled(y, 3, seed=1)
    assert torch.bincount(y[rows]).tolist() == [7, 7, 7]
    assert {*rows.tolist()} == {*range(14)}
    assert torch.equal(rows, oversampled(y, 3, seed=1))
    assert not torch.equal(rows, oversampled(y, 3, seed=2))


def test_weights_teach_what_repeated_pictures_do():
    "A weight of 2 is a picture that is there twice, but for the mean that a loss takes."
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 5, generator=generator), torch.arange(30) % 3
    weighted = fit_head(x, y, 3, weight=torch.tensor([2., 1, 1]))
    twice = torch.cat([torch.arange(30), (y == 0).nonzero()[:, 0]])
    repeated = fit_head(x[twice], y[twice], 3)
    torch.testing.assert_close(weighted.weight, repeated.weight, atol=1e-3, rtol=1e-3)


# --- several labels

def labels(n=40, k=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    p, y = torch.rand(2, n, k, generator=generator)
    return p, (y < .3).float()


@pytest.mark.parametrize('beta', [.5, 1, 2])
def test_f_beta_is_that_of_scikit_learn(beta):
    p, y = labels()
    y[3] = 0
    said = p > .6
    said[3] = False
    expected = fbeta_score(y, said, beta=beta, average='samples', zero_division=1)
    assert f_beta(said, y, beta).mean().item() == pytest.approx(expected)


@pytest.mark.parametrize('function', [
    f_beta, lambda said, y: per_label(said, y, 'abcde'),
    lambda said, y: said_instead(said, y, 'abcde')])
def test_probabilities_are_not_what_was_said(function):
    p, y = labels()
    with pytest.raises(ValueError, match='said holds .*: give 0 and 1, such as p > .5'):
        function(p, y)


def test_f2_by_hand():
    y, said = torch.tensor([[1, 1, 1, 1, 0]]), torch.tensor([[1, 1, 0, 0, 1]])
    q, r = 2/3, 2/4
    assert f_beta(said, y).item() == pytest.approx(5 * q*r / (4*q + r))


def test_a_bootstrap_is_about_as_wide_as_students_interval():
    values = torch.rand(400, generator=torch.Generator().manual_seed(0))
    low, high = bootstrap(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std().item() / 20, rel=.1)
    assert (low, high) == bootstrap(values)


def test_the_interval_of_f2_is_that_of_scikit_learn_on_resamples():
    p, y = labels()
    said = p > .3
    y[:4], said[:4] = 0, False
    generator = np.random.default_rng(0)
    f2 = partial(fbeta_score, beta=2, average='samples', zero_division=1)
    again = [f2(y[rows], said[rows]) for rows in generator.integers(40, size=(1000, 40))]
    expected = np.quantile(again, (.025, .975))
    assert bootstrap(f_beta(said, y)) == pytest.approx(expected, abs=.01)


def test_thresholds_are_at_least_as_good_as_the_middle_where_they_are_chosen():
    p, y = labels()
    limits = choose_thresholds(p, y)
    assert f_beta(p >= limits, y).mean() >= f_beta(p >= .5, y).mean()


def test_thresholds_at_the_edges():
    "Never there, always there, and all alike."
    p = torch.tensor([[.2, .1, .7], [.3, .4, .7]])
    y = torch.tensor([[0., 1, 1], [0., 1, 1]])
    never, always, even = choose_thresholds(p, y).tolist()
    assert never == math.inf and always == pytest.approx(.1) and even == .5


def test_a_layer_for_several_labels_is_one_for_each():
    p, y = labels()
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(2))
    head = fit_labels(x, y)
    alone = fit_labels(x, y[:, :1])
    # the loss is the mean over labels, so alone a label counts five times as much
    strong = fit_labels(x, y[:, :1], l2=5e-2)
    torch.testing.assert_close(head.weight[:1], strong.weight, atol=1e-3, rtol=1e-3)
    assert (alone.weight - head.weight[:1]).abs().max() > 1e-3


def test_what_was_missed_and_what_was_said():
    y, said = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 1]]), torch.tensor(
        [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    table = per_label(said, y, ['a', 'b', 'c'])
    assert table.there.tolist() == [2, 1, 1] and table.said.tolist() == [1, 1, 1]
    assert table.precision.tolist() == [1, 0, 1] and table.recall.tolist() == [.5, 0, 1]
    assert said_instead(said, y, ['a', 'b', 'c']).to_dict() == {
        ('a', 'b'): 1, ('b', 'nothing'): 1}


def test_eight_views_are_different_and_closed_under_turning():
    x = torch.arange(9.).view(1, 1, 3, 3)
    views = eight_views(x)
    flat = {tuple(view.flatten().tolist()) for view in views}
    assert torch.equal(views[0], x) and len(flat) == 8
    turned = {tuple(view.rot90(1, (2, 3)).flatten().tolist()) for view in views}
    assert turned == flat
    with pytest.raises(ValueError, match=r'\(1, 1, 3, 4\)'):
        eight_views(torch.zeros(1, 1, 3, 4))


def test_smoothing_for_several_labels():
    output, y = torch.tensor([[2., -1]]), torch.tensor([[1., 0]])
    smoothed = F.binary_cross_entropy_with_logits(output, torch.tensor([[.9, .1]]))
    torch.testing.assert_close(LabelSmoothingBCE(.2)(output, y), smoothed)
    plain = F.binary_cross_entropy_with_logits(output, y)
    torch.testing.assert_close(LabelSmoothingBCE(0)(output, y), plain)


def test_smoothing_says_a_label_above_one_half():
    loss = LabelSmoothingBCE(reduction='none')
    output = torch.tensor([[2., -1]])
    assert loss.decodes(loss.activation(output)).tolist() == [[True, False]]
    assert loss(output, torch.tensor([[1., 0]])).shape == (1, 2)
    with pytest.raises(ValueError, match='reduction'): LabelSmoothingBCE(reduction='no')


# --- wrong labels

P = torch.tensor([[.9, .1], [.8, .2], [.2, .8], [.1, .9], [.4, .6], [.05, .95]])
Y = torch.tensor([0, 0, 0, 1, 1, 1])


def test_the_confident_joint_by_hand():
    "The limits are (.9 + .8 + .2) / 3 = .633 and (.9 + .6 + .95) / 3 = .817."
    assert confident_joint(P, Y).tolist() == [[2, 0], [0, 2]]
    y = torch.tensor([0, 1, 0, 1, 1, 1])  # limits .55 and .6625; picture 1 is seen as 0
    assert confident_joint(P, y).tolist() == [[1, 1], [1, 2]]
    assert suspects(P, y).tolist() == [1, 2]


def test_the_confident_class_need_not_be_the_most_probable_one():
    """The limits are .85, .35 and (.1 + .8 + .52) / 3 = .473. Picture 4 does not reach that of
    its most probable class, 0, but that of 1. Picture 6 reaches two, 1 by a larger margin."""
    p = torch.tensor([[.9, .05, .05], [.8, .1, .1], [.3, .4, .3], [.4, .3, .3],
                      [.5, .4, .1], [.1, .1, .8], [.02, .46, .52]])
    y = torch.tensor([0, 0, 1, 1, 2, 2, 2])
    assert confident_joint(p, y).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 2]]
    assert suspects(p, y).tolist() == [4]


def test_wrong_labels_of_separable_pictures_are_found():
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(200) % 4
    x = 4 * F.one_hot(truth, 4) + .5 * torch.randn(200, 4, generator=generator)
    wrong = torch.rand(200, generator=generator) < .1
    y = torch.where(wrong, (truth + 1) % 4, truth)
    flagged = suspects(out_of_sample(x, y, 4), y)
    assert wrong[flagged].all() and len(flagged) > .7 * wrong.sum()


def test_too_few_pictures_for_the_folds():
    with pytest.raises(ValueError, match='class 0 has 3 pictures, and there are 5 folds'):
        out_of_sample(torch.randn(6, 2), Y, 2)
    with pytest.raises(ValueError, match='y'): out_of_sample(torch.randn(7, 2), Y, 2, folds=2)


def test_a_group_is_in_one_fold():
    "A picture that is there twice would be recognized."
    x = torch.randn(40, 60, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    y = (torch.arange(40) % 2).repeat(2)
    def right(groups):
        p = out_of_sample(x, y, 2, groups=groups)
        return (p.argmax(1) == y).float().mean()
    assert right(None) > .9 > right([*range(40)] * 2)


def test_labels_that_are_no_whole_numbers_are_refused():
    for function in confident_joint, suspects:
        with pytest.raises((TypeError, ValueError), match='y'): function(P, Y + .5)


def test_small_labels_count_the_same():
    "Bytes would overflow."
    p = torch.eye(20).clamp(min=1e-3)
    p = p / p.sum(1, keepdim=True)
    joint = confident_joint(p, torch.arange(20, dtype=torch.uint8))
    assert torch.equal(joint, torch.eye(20).long())


# --- a file of answers

SAMPLE = pd.DataFrame({'image': ['b', 'a', 'c'], 'tags': ['', '', '']})


def test_answers_are_joined_by_name():
    table = submission({'a': 'x', 'b': 'y', 'c': 'z'}, SAMPLE)
    assert table.to_csv(index=False) == 'image,tags\nb,y\na,x\nc,z\n'


def by_batch(learn, dl):
    for x, *_ in dl: yield from zip([dl.items[i] for i in dl.drawn], learn.model(x))

def at_once(learn, dl):
    with learn.no_bar(): return zip(dl.items, learn.get_preds(dl=dl)[0])

@pytest.mark.parametrize('ask', [by_batch, at_once])
def test_answers_of_a_shuffled_loader_make_the_same_file(tiny, ask, tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path))
    dls = get_dls(16, 8, tiny, presize=24, seed=0, device='cpu')
    learn = make_learner(dls, Net, seed=0)
    learn.model.eval()
    files = [*dls.valid.items]
    names = [file.name for file in files]
    sample = pd.DataFrame({'image': sorted(names, reverse=True), 'score': 0.})
    def table(dl):
        with torch.no_grad(): pairs = [*ask(learn, dl)]
        return submission({file.name: scores[0].item() for file, scores in pairs}, sample)
    wild = dls.test_dl(files, shuffle=True)
    assert wild.get_idxs() != dls.test_dl(files).get_idxs()
    ordered = table(dls.test_dl(files))
    pd.testing.assert_frame_equal(table(wild), ordered)
    assert ordered.score.is_unique and [*ordered.image] == [*sample.image]


@pytest.mark.parametrize('answers, message', [
    ({'a': 'x', 'b': 'y'}, "1 names do not fit; 'c', for one, has no answer"),
    ({'a': 'x', 'b': 'y', 'c': 'z', 'd': ''}, "'d', for one, is not asked for")])
def test_names_that_do_not_fit_are_refused(answers, message):
    with pytest.raises(ValueError, match=message): submission(answers, SAMPLE)


def test_a_sample_has_two_columns():
    with pytest.raises(ValueError, match='the sample has 3 columns'):
        submission({}, SAMPLE.assign(more=''))


def test_a_name_that_is_asked_for_twice_is_refused():
    with pytest.raises(ValueError, match="the sample has 'a' twice"):
        submission({'a': ''}, pd.DataFrame({'image': ['a', 'a'], 'tags': ''}))


# --- drawn tiles

def test_a_tile_depends_on_its_numbers_alone():
    (a, tags), (b, same), (c, _) = tile(1, 5), tile(1, 5), tile(2, 5)
    assert a.tobytes() == b.tobytes() != c.tobytes() and tags == same
    assert a.size == (128, 128) and tile(1, 5, 64)[0].size == (64, 64)


def test_tiles_have_a_table_and_all_tags(tmp_path):
    folder = tiles(tmp_path/'tiles', n=150)
    table = pd.read_csv(folder/'labels.csv', dtype=str, keep_default_na=False)
    table['image'] += '.png'
    tagged = table[table.tags != '']
    known = [draw.__name__ for draw in TAGS]
    assert not len(faults(tagged, 'image', 'tags', folder, known=known, sep=' '))
    counts = tagged.tags.str.split().explode().value_counts()
    assert {*counts.index} == {*known} and counts.min() < 10 < counts.max()
    assert tiles(folder, n=150) == folder
    (tmp_path/'other').mkdir()
    for there in (tmp_path/'other', folder):
        with pytest.raises(FileExistsError, match='does not hold these tiles'):
            tiles(there, n=50)


# What users tried

@pytest.mark.parametrize('content, message', [
    ('image,label\na.jpg,"cat\nb.jpg,dog\n', 'no CSV file'),
    ('image;label\na.jpg;cat\n', "commas instead of ';'"),
    ('image;label\na.jpg;cat,dog\n', "commas instead of ';'"),
    ('image\tlabel\na.jpg\tcat\n', 'commas instead of'),
    ('image,label,label\na.jpg,cat,cat\n', "two columns 'label'"), ('\n\n', 'is empty')])
def test_what_is_no_table_is_refused(tmp_path, content, message):
    (tmp_path/'t.csv').write_text(content)
    with pytest.raises(ValueError, match=message): read_table(tmp_path/'t.csv')


def test_empty_lines_are_no_rows(tmp_path):
    (tmp_path/'t.csv').write_text('\nimage,label\n  \na.jpg,\n\n')
    assert read_table(tmp_path/'t.csv').to_dict('records') == [dict(image='a.jpg', label='')]


def test_columns_that_are_there_twice_are_refused(folder):
    table = pd.DataFrame([['a.jpg', 'x', 'y']], columns=['file', 'label', 'label'])
    with pytest.raises(ValueError, match="two columns are 'label'"):
        faults(table, 'file', 'label', folder)


def test_one_label_in_two_spellings_is_found(empty):
    names = 'cat', 'Cat', 'cat', 'caf\u00e9', 'cafe\u0301', 'caf\u00e9'
    rows = [('', name) for name in names]
    found = faults(pd.DataFrame(rows, columns=['file', 'label']), 'file', 'label', empty)
    found = found[found.column == 'label']
    assert [*found.row] == [1, 4] and found.fault.iloc[0] == "'Cat' is elsewhere written 'cat'"


def test_all_faults_of_a_label_are_said_at_once(folder):
    table = pd.DataFrame([('a.jpg', ' dgo '), ('b.jpg', 'x, x')], columns=['file', 'label'])
    found = faults(table, 'file', 'label', folder, known=['x'], sep=',').fault
    assert [*found] == ["spaces around 'dgo'", "unknown: 'dgo'", "'x' twice"]


def test_rows_with_one_number_are_all_looked_at(folder):
    table = pd.DataFrame([('a.jpg', ''), ('b.jpg', 'c ')], columns=['file', 'label'],
                         index=[5, 5])
    assert [*faults(table, 'file', 'label', folder).fault] == ['no label', "spaces around 'c'"]


def test_a_file_may_be_reached_by_a_link(folder, empty):
    (empty/'there').symlink_to(folder)
    table = pd.DataFrame([('there/a.jpg', 'x')], columns=['file', 'label'])
    assert not len(faults(table, 'file', 'label', empty))


def test_a_class_from_one_sender_cannot_be_judged_out_of_sample():
    x, y = torch.randn(60, 4), torch.arange(3).repeat(20)
    senders = torch.where(y == 2, 99, torch.arange(60) // 2)
    with pytest.raises(ValueError, match='class 2 are in one fold'):
        out_of_sample(x, y, 3, 3, groups=senders)
    p = out_of_sample(x.double(), y, 3, 3, groups=torch.arange(60) // 2)
    assert p.equal(out_of_sample(x, y, 3, 3, groups=[i // 2 for i in range(60)]))
    with pytest.raises(ValueError, match='2 groups, and 3 folds'):
        out_of_sample(x, y, 3, 3, groups=[i // 30 for i in range(60)])


@pytest.mark.parametrize('p', [
    torch.full((5, 3), torch.nan), torch.rand(5, 3) * 100 + 1, torch.zeros(0, 3)])
def test_thresholds_are_chosen_among_probabilities(p):
    with pytest.raises(ValueError, match='p has'): choose_thresholds(p, torch.ones(p.shape))


def test_thresholds_of_half_precision_answer_as_they_were_chosen():
    p, y = torch.rand(40, 3).bfloat16(), (torch.rand(40, 3) < .4).int()
    assert choose_thresholds(p, y).equal(choose_thresholds(p.float(), y))


def test_answers_are_numbers_and_are_there(tmp_path):
    sample = pd.DataFrame(dict(id=['a', 'b'], p=''))
    found = submission(pd.Series(dict(b=torch.tensor(.5), a=np.float64(.25))), sample)
    assert found.p.tolist() == [.25, .5]
    with pytest.raises(ValueError, match="'b' is nan"):
        submission(dict(a=1., b=float('nan')), sample)
    with pytest.raises(ValueError, match='others numbers'): submission({1: 0}, pd.DataFrame(
        dict(id=['1'], p='')))
