import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sotatrain import settings
from sotatrain.settings import Settings, load
from tools import course


def ini(monkeypatch, tmp_path, change):
    "Use a changed copy of settings.ini."
    text = change(settings.settings_file().read_text())
    (tmp_path/'settings.ini').write_text(text)
    monkeypatch.setattr(settings, 'settings_file', lambda: tmp_path/'settings.ini')


@pytest.mark.parametrize('profile', ['smoke', 'cpu', 'gpu', 'long'])
def test_every_profile_loads_with_its_types(profile):
    cfg = load(profile)
    assert cfg.profile == profile
    assert all(type(getattr(cfg, f.name)) is f.type for f in dataclasses.fields(cfg))


def test_gpu_profile_has_the_sizes_of_the_book():
    cfg = load('gpu')
    assert (cfg.arch, cfg.data) == ('xresnet50', 'imagenette-320')
    assert (cfg.small, cfg.size) == (128, 224)


def test_profile_comes_from_argument_then_environment_then_machine(monkeypatch):
    import torch
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert load().profile == 'cpu'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert load().profile == 'gpu'
    monkeypatch.setenv('SOTATRAIN_PROFILE', 'smoke')
    assert load().profile == 'smoke'
    assert load('long').profile == 'long'


def test_empty_environment_variables_choose_nothing(monkeypatch):
    import torch
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setenv('SOTATRAIN_PROFILE', '')
    monkeypatch.setenv('SOTATRAIN_DATA', '')
    assert (load().profile, load().data) == ('cpu', 'doodlenette')


def test_data_comes_from_override_then_environment_then_profile(monkeypatch, tmp_path):
    assert load('cpu').data == 'doodlenette'
    monkeypatch.setenv('SOTATRAIN_DATA', '/somewhere')
    assert load('cpu').data == '/somewhere'
    assert load('cpu', data=tmp_path).data == str(tmp_path)  # a Path will do


def test_overrides_change_one_setting_and_none_changes_nothing():
    assert load('cpu', size=96, lr=None) == dataclasses.replace(load('cpu'), size=96)
    assert load('cpu', lr=1).lr == 1  # a whole number is a number


def test_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError): load('cpu').size = 3


def test_repr_shows_each_setting_on_a_line():
    lines = repr(load('cpu')).splitlines()
    assert [line.split()[0] for line in lines] == [f.name for f in dataclasses.fields(Settings)]
    assert re.fullmatch(r'data +doodlenette', lines[1])
    shown = load('cpu')._repr_markdown_()
    for part in ('`doodlenette`', '`smoke`, `cpu`, `gpu`, `long`', 'settings.ini'):
        assert part in shown


def test_unknown_profile_names_it_and_the_choices():
    with pytest.raises(ValueError, match=r"'gpuu'.*smoke, cpu, gpu, long"): load('gpuu')


def test_unknown_key_names_it_and_the_choices():
    with pytest.raises(TypeError, match=r"'sise'.*did you mean 'size'.*presize, small"):
        load('cpu', sise=64)
    with pytest.raises(TypeError, match=r"'zzz'.*The settings are data"): load('cpu', zzz=64)


@pytest.mark.parametrize('name,value,says', [
    ('size', '64', "size='64' is text: it must be a whole number"),
    ('size', 64.5, 'size=64.5 is a number: it must be a whole number'),
    ('bs', True, 'bs=True'),
    ('data', 3, 'data=3 is a whole number: it must be text'),
    ('lr', 'high', 'a number')])
def test_wrong_type_names_value_and_rule(name, value, says):
    with pytest.raises(TypeError, match=re.escape(says)): load('cpu', **{name: value})


@pytest.mark.parametrize('name,value', [
    ('size', 0),
    ('bs', -1),
    ('lr', float('nan')),
    ('lr', float('inf')),
    ('workers', -1),
    ('arch', ' ')])
def test_impossible_value_names_it(name, value):
    with pytest.raises(ValueError, match=name): load('cpu', **{name: value})
    assert load('cpu', workers=0).workers == 0


def test_replace_checks_too():
    with pytest.raises(ValueError, match='epochs=0'): dataclasses.replace(load('cpu'), epochs=0)


def test_bad_file_names_section_and_key(monkeypatch, tmp_path):
    ini(monkeypatch, tmp_path, lambda s: s.replace('bs      = 64', 'bs      = many', 1))
    with pytest.raises(TypeError, match=r"\[cpu\]: bs = many is not a whole number"):
        load('cpu')
    assert load('smoke').bs == 16


def test_file_with_missing_or_unknown_key(monkeypatch, tmp_path):
    def change(text):
        return text.replace('bs      = 16\n', '', 1).replace('bs      = 64', 'bsz     = 64', 1)
    ini(monkeypatch, tmp_path, change)
    with pytest.raises(ValueError, match=r'\[smoke\] lacks bs'): load('smoke')
    with pytest.raises(TypeError, match=r"\[cpu\]: unknown setting 'bsz'; did you mean 'bs'"):
        load('cpu')


def test_a_profile_of_ones_own(monkeypatch, tmp_path):
    def with_mine(text):
        smoke = text[text.index('[smoke]'):text.index('# A laptop')]
        return text + smoke.replace('smoke', 'mine')
    ini(monkeypatch, tmp_path, with_mine)
    assert load('mine').profile == 'mine' and 'mine' in settings.profiles()
    with pytest.raises(ValueError, match='mine'): load('yours')


def test_checkout_uses_the_file_at_its_top():
    assert settings.settings_file() == Path(__file__).resolve().parents[2]/'settings.ini'


def test_the_source_names_the_drawn_pictures():
    assert load('smoke').source == 'doodlenette-200-100'
    assert load('gpu').source == 'imagenette-320'


# --- a GPU that is full

FULL = '\n'.join([
    'import torch',
    'from sotatrain import settings',
    "settings.load('cpu', bs=48)",
    "raise torch.cuda.OutOfMemoryError('Tried to allocate 2.00 GiB')"])


def test_a_full_gpu_is_a_sentence_in_a_notebook(tmp_path):
    cells = [new_markdown_cell('# Full'), *map(new_code_cell, FULL.split('\n'))]
    nbformat.write(new_notebook(cells=cells), tmp_path/'01_full.ipynb')
    result = course.run(tmp_path/'01_full.ipynb', tmp_path/'ran.ipynb', {})
    assert 'lower bs (now 48) or size (now 64 px) in [cpu] of settings.ini' in result.error
    assert 'restart' in result.error
    shown = nbformat.read(tmp_path/'ran.ipynb', 4).cells[-1].outputs
    assert [len(out.traceback) for out in shown] == [1] and 'Traceback' not in str(shown)


def test_outside_of_a_notebook_nothing_is_caught():
    command = [sys.executable, '-c', f'import IPython\n{FULL}']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert 'Traceback' in done.stderr and 'Tried to allocate' in done.stderr
