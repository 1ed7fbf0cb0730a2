"""`help(name)` tells what the comments beside parameters say."""
import ast
import inspect
import linecache

import pytest

import sotatrain.all as library
from sotatrain import experiment
from sotatrain.core.docs import document, parameter_comments

NAMES = {name: thing for source in (library, experiment) for name, thing in vars(source).items()
         if not name.startswith('_') and callable(thing) and hasattr(thing, '__qualname__')
         and thing.__module__.startswith('sotatrain')}


def source_of(thing):
    "Its definition, as a syntax tree, and the lines of its file."
    lines = linecache.getlines(inspect.getfile(inspect.unwrap(thing)))
    tree = ast.parse(''.join(lines))
    kinds = ast.FunctionDef, ast.ClassDef
    return next(node for node in ast.walk(tree)
                if isinstance(node, kinds) and node.name == thing.__name__), lines


def comments_beside(node, lines):
    "The comments on the lines of a function's parameters, from its syntax tree."
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += filter(None, [arguments.vararg, arguments.kwarg])
    defaults = list(filter(None, [*arguments.defaults, *arguments.kw_defaults]))
    ends = {a.lineno: max(x.end_col_offset for x in [a, *defaults] if x.end_lineno == a.lineno)
            for a in every}
    for line, column in ends.items():
        text = lines[line - 1].encode()[column:].decode()
        if '#' in text: yield text.split('#', 1)[1].strip()


def methods(node):
    return [child for child in node.body if isinstance(child, ast.FunctionDef)]


@pytest.mark.parametrize('name', sorted(NAMES))
def test_help_shows_the_comment_of_each_parameter(name):
    thing = NAMES[name]
    node, lines = source_of(thing)
    doc = inspect.getdoc(thing) or ''
    if isinstance(node, ast.FunctionDef): wanted = comments_beside(node, lines)
    else: wanted = (text for method in methods(node) if method.name == '__init__'
                    for text in comments_beside(method, lines))
    assert not [text for text in wanted if text not in doc]


@pytest.mark.parametrize('name', sorted(n for n in NAMES if inspect.isclass(NAMES[n])))
def test_help_shows_the_comments_of_methods(name):
    "Those that a class is defined with, and those that chapters add with `@patch`."
    for attribute, method in vars(NAMES[name]).items():
        function = getattr(method, '__func__', None) or getattr(method, 'fget', method)
        function = inspect.unwrap(function) if callable(function) else None
        if not hasattr(function, '__code__') or function.__name__ == '__init__': continue
        if 'sotatrain' not in function.__code__.co_filename: continue
        lines = linecache.getlines(function.__code__.co_filename)
        first = function.__code__.co_firstlineno
        node = next(n for n in ast.walk(ast.parse(''.join(lines)))
                    if isinstance(n, ast.FunctionDef)
                    and first in (n.lineno, *(d.lineno for d in n.decorator_list)))
        doc = inspect.getdoc(getattr(NAMES[name], attribute)) or ''
        assert not [text for text in comments_beside(node, lines) if text not in doc]


def test_a_section_has_types_and_defaults():
    doc = inspect.getdoc(library.merge_views)
    assert "    merge (str, default 'mean'): 'mean', 'max' or" in doc
    assert 'Returns:\n    torch.Tensor: pictures × classes; rows sum to 1' in doc
    assert doc.index('Parameters:') < doc.index('Returns:')


def test_documenting_twice_changes_nothing():
    before = library.merge_views.__doc__
    document('sotatrain.tta')
    assert library.merge_views.__doc__ == before


@pytest.mark.parametrize('source,found', [
    ('def f(x): return 1', {}),
    ('def f(\n    a: int,  # one\n    b=2,  # two\n):', {'a': 'one', 'b': 'two'}),
    ('def __init__(self, a,  # one\n    *args,  # more\n):',
     {'a': 'one', 'args': 'more'}),
    ("def f(\n    a: str = '#',  # a sign\n) -> int:  # how many",
     {'a': 'a sign', 'return': 'how many'}),
    ('def f(\n    a,  # begins here\n        # and goes on\n    b,\n):',
     {'a': 'begins here and goes on'}),
    ('    id: str       # unique\n    hints: tuple  # some',
     {'id': 'unique', 'hints': 'some'})])
def test_comments_are_read_as_they_are_written(source, found):
    assert parameter_comments(source.splitlines()) == found


def test_a_module_without_source_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(linecache, 'getlines', lambda file: [])
    monkeypatch.setattr('sotatrain.core.docs._seen', set())
    document('sotatrain.tta')
