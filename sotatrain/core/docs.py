"""Comments beside parameters, for `help()`: `document(__name__)` ends a module.

In the source, a parameter's meaning is the comment beside it, where it is short and near.
Python forgets comments, so `document` reads them again and adds them to the docstrings."""
import inspect
import linecache
import re
import sys

__all__ = ['DocumentedModule', 'document', 'parameter_comments']

STRING = r"'[^'\n]*'|\"[^\"\n]*\""
COMMENT = re.compile(rf"^((?:[^'\"#\n]|{STRING})*)#\s?(.*)$")
PARAMETER = re.compile(r'^\s*\*{0,2}(\w+)\s*(?:[:=,)]|$)')
END = re.compile(r':\s*$|\)(\s*->.*)?:\s')  # of a signature, in a line without its comment
_seen = set()  # what is documented already, by module and qualified name


def document(
    name: str,  # of a module: its `__name__`
):
    """Tell `help()` what the comments beside the parameters of a module's things say.

    They follow in the docstrings, below "Parameters" and "Returns", each with its type and
    default. Without the source (in a frozen program) nothing happens, and nothing fails."""
    for thing in list(vars(sys.modules[name]).values()):
        if not _is_ours(thing) or _key(thing) in _seen: continue
        _seen.add(_key(thing))
        if inspect.isclass(thing): _document_class(thing)
        else: _document_function(thing)


def _is_ours(thing):
    home = getattr(thing, '__module__', None)  # first: most of a module's names are fastai's
    if type(home) is not str or not home.startswith('sotatrain'): return False
    return bool(getattr(thing, '__qualname__', None)) and callable(thing)


def _key(thing): return thing.__module__, thing.__qualname__


def _document_class(cls):
    lines = linecache.getlines(inspect.getfile(cls))
    if not lines: return
    made = vars(cls).get('__init__')
    written = made if _code(made) and _code(made).co_filename.endswith('.py') else None
    found = parameter_comments(header(lines, _code(written))) if written else (
        parameter_comments(fields(lines, cls.__name__)))
    _add(cls, made or cls, found)
    for member in list(vars(cls).values()): _document_function(member)


def _document_function(thing):
    "Also a method, a property, a class method, and what a decorator wrapped."
    function = inspect.unwrap(getattr(thing, '__func__', None) or getattr(thing, 'fget', thing))
    if not (code := _code(function)) or function.__name__ == '__init__': return
    lines = linecache.getlines(code.co_filename)
    outer = thing if callable(thing) and hasattr(thing, '__name__') else function
    if lines: _add(outer, function, parameter_comments(header(lines, code)))


def _code(function): return getattr(function, '__code__', None)


def header(lines, code):
    "The lines of a function from its `def` to the end of its signature."
    start = code.co_firstlineno - 1
    while not re.match(r'\s*(async )?def ', lines[start]): start += 1  # below its decorators
    end = start
    while not END.search(_parts(lines[end])[0]): end += 1
    return lines[start:end + 1]


def fields(lines, name):
    "The lines between the head of a class and its first method: a dataclass's fields."
    start = next(i for i, line in enumerate(lines) if re.match(rf'\s*class {name}\b', line))
    for end in range(start + 1, len(lines)):
        if re.match(r'\s*(def|@)|\S', lines[end]): return lines[start + 1:end]
    return lines[start + 1:]


def parameter_comments(
    lines: list,  # of source: a signature, or a dataclass's fields
) -> dict:        # from names to texts; 'return' is what comes back
    "The comments beside parameters; one goes on in the lines below it."
    found, name = {}, None
    for line in lines:
        code, comment = _parts(line)
        if code.strip(): name = _named(code)
        if name and comment.strip():
            found[name] = ' '.join(filter(None, [found.get(name), comment.strip()]))
    return found


def _parts(line):
    "A line's code, and its comment."
    found = COMMENT.match(line.rstrip('\n'))
    return found.groups() if found else (line, '')


def _named(code):
    "The parameter that a line is about; 'return' for the line that closes a signature."
    if re.match(r'\s*\).*->', code): return 'return'
    code = re.sub(r'^\s*(async )?def \w+\(', '', code)
    parameter = PARAMETER.match(code)
    if parameter and parameter[1] in ('self', 'cls'): parameter = PARAMETER.match(
        code.partition(',')[2])
    return parameter and parameter[1]


def _add(thing, function, comments):
    "Put what `comments` say about `function` behind the docstring of `thing`."
    if not comments or (text := _sections(function, comments)) in (thing.__doc__ or ''): return
    doc = inspect.cleandoc(thing.__doc__ or '')
    try: thing.__doc__ = f'{doc}\n\n{text}'.strip()
    except (AttributeError, TypeError): pass  # not every callable lets its text be changed


def _sections(function, comments):
    signature = inspect.signature(function)
    parameters = [p for name, p in signature.parameters.items() if name not in ('self', 'cls')]
    lines = [f'    {_typed(p)}: {comments[p.name]}' if p.name in comments else
             f'    {_typed(p)}' for p in parameters]
    sections = ['\n'.join(['Parameters:', *lines])] if lines else []
    if 'return' in comments:
        kind = inspect.formatannotation(signature.return_annotation)
        sections.append(f"Returns:\n    {kind}: {comments['return']}")
    return '\n\n'.join(sections)


def _typed(parameter):
    "A parameter with its type and default, such as `size (int, default 64)`."
    kind, default = parameter.annotation, parameter.default
    about = [] if kind is parameter.empty else [inspect.formatannotation(kind)]
    if default is not parameter.empty: about.append(f'default {default!r}')
    stars = {parameter.VAR_POSITIONAL: '*', parameter.VAR_KEYWORD: '**'}.get(parameter.kind, '')
    return f"{stars}{parameter.name}{' (' + ', '.join(about) + ')' if about else ''}"


class DocumentedModule:
    "For nbdev's export: each module that a notebook becomes ends by documenting itself."
    def __init__(self, nb=None): self.last = None
    def _export_(self, cell, *_): self.last = cell

    def end(self):
        if not self.last: return
        self.last.source += ('\n\nfrom sotatrain.core.docs import document\n\n'
                             'document(__name__)')
