"""What the benchmarks share: the machine's name, and results that are never half written."""
import json
import platform
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent/'results'


def processor():
    "The processor's name, where the system tells it."
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(': ')[1] for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def write(result, file):
    "Replace the results file in one step."
    draft = file.with_suffix('.draft')
    draft.write_text(json.dumps(result, indent=1) + '\n')
    draft.replace(file)
