"""What the benchmarks share: a place for results, which are never half written. (Light: `bench.loaders` measures memory.)"""
import json
from pathlib import Path

from sotatrain.core.cache import write_whole

RESULTS = Path(__file__).resolve().parent.parent/'results'/'benchmarks'


def write(result, file):
    "Replace the results file in one step."
    write_whole(file, json.dumps(result, indent=1) + '\n')
