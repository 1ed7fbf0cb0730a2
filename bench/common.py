"""What the benchmarks share: a place for results, which are never half written."""
import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent/'results'


def write(result, file):
    "Replace the results file in one step."
    draft = file.with_suffix('.draft')
    draft.write_text(json.dumps(result, indent=1) + '\n')
    draft.replace(file)
