"""What the benchmarks share: a place for results, which are never half written."""
import json
from pathlib import Path
from time import perf_counter

import torch

from sotatrain.cache import write_whole

RESULTS = Path(__file__).resolve().parent.parent/'results'


def write(result, file):
    "Replace the results file in one step."
    write_whole(file, json.dumps(result, indent=1) + '\n')


def timed(function):
    "Seconds that `function()` takes, and what it returns; a GPU is waited for."
    if torch.cuda.is_available(): torch.cuda.synchronize()
    start = perf_counter()
    result = function()
    if torch.cuda.is_available(): torch.cuda.synchronize()
    return perf_counter() - start, result
