"""What importing the library adds to importing fastai: `python -m bench.imports` measures it.

A new Python for each round; inside it, three imports one after the other, each timed alone.
Processor time is given beside the time that passed, because others may use the machine. Writes
results/benchmarks/imports.json."""
import argparse
import json
import subprocess
import sys
from statistics import median

from bench.common import conditions, write

IMPORTS = ['from fastai.vision.all import *', 'import sotatrain', 'from sotatrain.all import *']
TIMED = '''
import json, sys, time, warnings
warnings.simplefilter('ignore')
rows, names = [], {}
for line in json.loads(sys.argv[1]):
    passed, worked = time.perf_counter(), time.process_time()
    exec(line, names)
    passed, worked = time.perf_counter() - passed, time.process_time() - worked
    rows.append(dict(line=line, seconds=passed, processor_seconds=worked))
print(json.dumps(rows))
'''


def measure():
    "Seconds of each import, in a Python of its own."
    command = [sys.executable, '-c', TIMED, json.dumps(IMPORTS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=7)
    args = parser.parse_args()
    measure()  # fills the system's cache of files
    rows = [dict(round=i, **row) for i in range(args.rounds) for row in measure()]
    write('imports', conditions(rounds=args.rounds), rows)
    for line in IMPORTS:
        passed = median(row['seconds'] for row in rows if row['line'] == line)
        worked = median(row['processor_seconds'] for row in rows if row['line'] == line)
        print(f'{line:<35} {passed:6.2f} s, {worked:6.2f} s of a processor')


if __name__ == '__main__': main()
