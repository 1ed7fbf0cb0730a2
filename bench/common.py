"""What the benchmarks share: one format for results, which are never half written.

A file in results/benchmarks is `{"conditions": {…, "settings": {…}}, "rows": [{…}, …]}`. The
text of the book quotes these rows. (Light: `bench.loaders` measures memory.)"""
import json
from importlib.metadata import version
from pathlib import Path

from sotatrain.core import machine
from sotatrain.core.cache import write_whole

RESULTS = Path(__file__).resolve().parent.parent/'results'/'benchmarks'


def conditions(device='cpu', precision='fp32', packages=(), **settings):
    "Date, hardware and versions (of `packages` too), and the settings of this measurement."
    found = machine.conditions(device, precision)
    versions = found['versions'] | {package: version(package) for package in packages}
    return found | dict(versions=versions, settings=settings)


def write(name, conditions, rows):
    "Replace results/benchmarks/`name`.json in one step, or the file `name` if it ends so."
    file = Path(name) if str(name).endswith('.json') else RESULTS/f'{name}.json'
    write_whole(file, json.dumps(dict(conditions=conditions, rows=rows), indent=1) + '\n')


def stored(file, settings):
    "Rows that were measured in the same way. Raises `ValueError` for others."
    if not file.exists(): return []
    found = json.loads(file.read_text(encoding='utf-8'))
    if found['conditions']['settings'] != settings: raise ValueError(
        f"{file} has {found['conditions']['settings']}, and this would be {settings}: move it "
        "away, or let the new one have another name")
    return found['rows']
