"""Who imports whom: the rooms of the library from the ground floor up, as the code is today.

A room is a file directly in sotatrain/, or a folder. `python -m tools.layout` draws them."""
import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT/'sotatrain'
# From the ground floor up. A room imports from itself and from rooms before it.
ROOMS = [
    'core', 'settings', 'doodlenette',
    'data', 'presize', 'learner', 'normalize', 'resizing', 'tta', 'mixup', 'smoothing',
    'sota', 'transfer', 'tables', 'experiment', 'deploy', 'questions', 'questionnaire', 'all',
    'cli', '__main__']


def imports(package=PACKAGE):
    "For each module, the modules of the package that it imports, inside functions too."
    files = [file for file in package.rglob('*.py') if file.name != '_modidx.py']
    modules = {name_of(file, package): file for file in files}
    return {name: sorted(set(_imported(name, file, modules)) - {name})
            for name, file in sorted(modules.items())}


def name_of(file, package):
    parts = file.relative_to(package.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def _imported(name, file, modules):
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, name, file)
            inside = [f'{source}.{alias.name}' for alias in node.names]
            found = [module for module in inside if module in modules]
            yield from found
            if source in modules and len(found) < len(inside): yield source


def _absolute(node, name, file):
    "The full name of what a `from … import` names."
    if not node.level: return node.module
    here = name.split('.') + ['__init__'] * (file.name == '__init__.py')
    return '.'.join(here[:-node.level] + ([node.module] if node.module else []))


def room(module): return module.split('.')[1] if '.' in module else ''


def rooms(graph=None):
    "For each room, the rooms that it imports from, in the order of `ROOMS`."
    found = {}
    for module, targets in (graph or imports()).items():
        if room(module): found.setdefault(room(module), set()).update(map(room, targets))
    order = {name: i for i, name in enumerate(ROOMS)}
    return {name: sorted(found[name] - {name, ''}, key=order.get)
            for name in sorted(found, key=lambda name: order.get(name, len(order)))}


def circle(graph):
    "Modules that import each other in a circle; an empty list if there is none."
    done = set()

    def visit(module, path):
        if module in path: return path[path.index(module):]
        if module in done: return []
        onwards = (visit(target, [*path, module]) for target in graph.get(module, []))
        found = next(filter(None, onwards), [])
        done.add(module)
        return found
    return next(filter(None, (visit(module, []) for module in graph)), [])


def drawing():
    "The rooms from the top floor down; a room's floor is one above the highest that it needs."
    needs = rooms()

    def floor(name): return 1 + max(map(floor, needs[name]), default=-1)
    floors = {name: floor(name) for name in needs}
    lines = []
    for number in range(max(floors.values()), -1, -1):
        names = [name for name in needs if floors[name] == number]
        lines.append(f"{number:>2}  {'  '.join(names)}")
    return '\n'.join(lines)


if __name__ == '__main__': print(drawing())
