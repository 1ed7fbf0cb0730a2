"""The reference: each public name of the library, from its source, without importing it.

For each: signature, what it does, parameters with the comments beside them, errors, and where
its source is."""
import ast
import re
from typing import NamedTuple

from sotatrain.core.docs import parameter_comments

RAISES = re.compile(r'Raises ((?:`[A-Z]\w+`.*?)\.)(?:\s|$)', re.S)
DEFINITIONS = ast.FunctionDef, ast.ClassDef


class Entry(NamedTuple):
    name: str
    module: str   # such as 'sotatrain.mixup'
    file: str     # below the root of the repository
    node: ast.AST
    lines: list   # of the file


def entries(root, door='sotatrain/all.py'):
    "All public names that `sotatrain.all` hands on, in its order."
    found = []
    for file, names in _imports(root, root/door):
        found += _resolved(root, file, names)
    return list({entry.name: entry for entry in found}.values())


def _imports(root, door):
    "The files that a module imports from, and which names; None for all of them."
    for node in ast.parse(door.read_text(encoding='utf-8')).body:
        if not isinstance(node, ast.ImportFrom): continue
        folder = door.parents[node.level - 1] if node.level else root
        module = folder.joinpath(*(node.module or '').split('.'))
        names = [alias.name for alias in node.names]
        if not node.module: continue  # a module itself, such as `settings`
        yield _file(module), None if names == ['*'] else names


def _file(module):
    return module/'__init__.py' if module.is_dir() else module.with_suffix('.py')


def _resolved(root, file, names):
    "Entries of `names` (None: of `__all__`), wherever they are defined."
    source = file.read_text(encoding='utf-8')
    tree = ast.parse(source)
    defined = {name: node for node in tree.body for name in _names(node)}
    wanted = _public(tree) if names is None else names
    found = {name: Entry(name, _module(root, file), file.relative_to(root).as_posix(),
                         defined[name], source.splitlines())
             for name in wanted if name in defined}
    missing = set(wanted) - set(found)
    for other, handed in _imports(root, file) if missing else ():
        here = [name for name in wanted if name in missing and name in (handed or wanted)]
        if here and other.exists() and root in other.parents:
            found |= {entry.name: entry for entry in _resolved(root, other, here)}
    return [found[name] for name in wanted if name in found]


def _names(node):
    if isinstance(node, DEFINITIONS): return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _public(tree):
    for node in tree.body:
        if '__all__' in _names(node): return ast.literal_eval(node.value)
    return []


def _module(root, file):
    parts = file.relative_to(root).with_suffix('').parts
    return '.'.join(part for part in parts if part != '__init__')


# As a page

def addresses(found): return {entry.name: f'reference.html#{entry.name}' for entry in found}


def markdown(found, repository):
    "The reference as texts in Markdown: a section for each module, an entry for each name."
    texts = [
        ('# The library, name by name', '# 库参考'),
        ('Each public name of `sotatrain`, by module. `help(name)` and, in a notebook, `name?` '
         'say the same. `from sotatrain.all import *` brings them all.',
         '`sotatrain`的每一个公开名称，按模块排列，说明是英文的。`help(name)`给出同样的内容，'
         '在笔记本里也可以用`name?`。`from sotatrain.all import *`把它们全部导入。')]
    for module in dict.fromkeys(entry.module for entry in found):
        texts.append(f'## `{module}` {{#{module.replace(".", "-")}}}')
        texts += [_entry(entry, repository) for entry in found if entry.module == module]
    return texts


def _entry(entry, repository):
    link = f'{repository}/blob/main/{entry.file}#L{entry.node.lineno}'
    blocks = [f'### `{entry.name}` {{#{entry.name}}}', f'```python\n{_signature(entry)}\n```']
    if isinstance(entry.node, DEFINITIONS):
        doc = ast.get_docstring(entry.node) or ''
        blocks += [RAISES.sub('', doc).strip(), _parameters(entry), _errors(doc)]
        if isinstance(entry.node, ast.ClassDef): blocks.append(_methods(entry))
    return '\n\n'.join(filter(None, [*blocks, f'[Source]({link})']))


def _signature(entry):
    node = entry.node
    if not isinstance(node, DEFINITIONS): return ast.unparse(node)
    made = _callable(entry)
    if made is None: return f'class {node.name}' if isinstance(node, ast.ClassDef) else ''
    arguments = [ast.unparse(argument) for argument in _arguments(made)]
    text = f"{node.name}({', '.join(arguments)})"
    if len(text) > 80: text = f'{node.name}(\n    ' + ',\n    '.join(arguments) + ')'
    returns = node.returns if isinstance(node, ast.FunctionDef) else None
    return text + (f' -> {ast.unparse(returns)}' if returns else '')


def _callable(entry):
    "What is called: the function, or the class's `__init__`; None if it is inherited."
    if isinstance(entry.node, ast.FunctionDef): return entry.node
    return next((child for child in entry.node.body if isinstance(child, ast.FunctionDef)
                 and child.name == '__init__'), None)


def _arguments(function):
    "The parameters one by one, each as syntax that can be written alone."
    a = function.args
    plain = [*a.posonlyargs, *a.args]
    defaults = [None]*(len(plain) - len(a.defaults)) + a.defaults
    for argument, default in zip(plain, defaults):
        if argument.arg not in ('self', 'cls'): yield _argument(argument, default)
    if a.vararg: yield _argument(a.vararg, None, '*')
    elif a.kwonlyargs: yield ast.Name('*')
    yield from map(_argument, a.kwonlyargs, a.kw_defaults)
    if a.kwarg: yield _argument(a.kwarg, None, '**')


def _argument(argument, default, stars=''):
    kind = f': {ast.unparse(argument.annotation)}' if argument.annotation else ''
    equals = ' = ' if kind else '='
    value = f'{equals}{ast.unparse(default)}' if default is not None else ''
    return ast.Name(f'{stars}{argument.arg}{kind}{value}')


def _parameters(entry):
    "What the comments beside parameters, or beside fields, say: a list."
    node = _callable(entry) or entry.node
    end = node.body[0].lineno - 1
    if isinstance(node, ast.ClassDef):
        end = next((n.lineno - 1 for n in node.body if isinstance(n, ast.FunctionDef)),
                   node.end_lineno)
    comments = parameter_comments(entry.lines[node.lineno - 1:max(end, node.lineno)])
    names = {'return': '*returns*'}
    return '\n'.join(f'- {names.get(name, f"`{name}`")}: {text}'
                     for name, text in comments.items())


def _errors(doc):
    found = RAISES.search(doc)
    return f'**Errors.** {" ".join(found[1].split())}' if found else ''


def _methods(entry):
    "Public methods with their first line, those included that `@patch` adds in the module."
    tree = ast.parse('\n'.join(entry.lines))
    def patched(node):
        first = node.args.args[0].annotation if node.args.args else None
        return isinstance(first, ast.Name) and first.id == entry.name
    functions = [n for n in entry.node.body if isinstance(n, ast.FunctionDef)]
    functions += [n for n in tree.body if isinstance(n, ast.FunctionDef) and patched(n)]
    lines = [f"- `{entry.name}.{f.name}`: {ast.get_docstring(f).splitlines()[0]}"
             for f in functions if not f.name.startswith('_') and ast.get_docstring(f)]
    return '\n'.join(['**Methods**', '', *lines]) if lines else ''
