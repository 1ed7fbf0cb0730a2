"""Who may import whom: no circle, and no arrow upwards, imports inside functions included."""
import pytest

from sotatrain.experiment import names
from tools import layout


def test_every_room_has_a_floor(): assert set(layout.rooms()) == set(layout.ROOMS)


def test_no_module_imports_itself_by_a_detour():
    circle = layout.circle(layout.imports())
    assert not circle, ' imports '.join([*circle, circle[0]])


def test_no_import_runs_upwards():
    place = ['', *layout.ROOMS].index  # '' is the package, which has its version only
    upwards = [
        f'{module} imports {target}'
        for module, targets in layout.imports().items() if layout.room(module)
        for target in targets if place(layout.room(target)) > place(layout.room(module))]
    assert not upwards, '\n'.join([*upwards, layout.drawing()])


def test_the_ground_floor_needs_nothing_of_ours(): assert layout.rooms()['core'] == []


def test_a_circle_is_found():
    assert layout.circle({'a': ['b'], 'b': ['c'], 'c': ['a'], 'd': ['a']}) == ['a', 'b', 'c']
    assert layout.circle({'a': ['b', 'c'], 'b': ['c'], 'c': []}) == []


def test_imports_inside_functions_count(tmp_path):
    package = tmp_path/'house'
    (package/'attic').mkdir(parents=True)
    for name, text in {
        '__init__.py': '',
        'cellar.py': 'def f():\n    from .attic import box\n    from . import door',
        'door.py': 'import house.cellar',
        'attic/__init__.py': 'from .box import *',
        'attic/box.py': 'from ..door import x',
    }.items(): (package/name).write_text(text)
    assert layout.imports(package) == {
        'house': [],
        'house.attic': ['house.attic.box'],
        'house.attic.box': ['house.door'],
        'house.cellar': ['house.attic.box', 'house.door'],
        'house.door': ['house.cellar']}


@pytest.mark.parametrize('field', names.KINDS)
def test_a_recipe_may_name_all_that_the_library_has(field):
    "A new technique has to be listed in `names.TECHNIQUES`."
    import sotatrain.all as library
    offered = {name for name, found in vars(library).items() if names._is(field, found)}
    assert offered <= set(names.named(field))
    assert all(names.find(field, name) is vars(library)[name] for name in offered)
