"""What importing the library adds to importing fastai: `python -m bench.imports` prints it and writes results/benchmarks/imports.json.

A new Python for each repeat; inside of it, three imports one after the other, each timed alone. Processor time stands
beside the time that passed, because others may use the machine."""
import argparse
import json
import subprocess
import sys
from statistics import median

from bench.common import RESULTS, write
from sotatrain.core.machine import conditions

IMPORTS = ['from fastai.vision.all import *', 'import sotatrain', 'from sotatrain.all import *']
TIMED = '''
import json, sys, time, warnings
warnings.simplefilter('ignore')
rows, names = [], {}
for line in json.loads(sys.argv[1]):
    passed, worked = time.perf_counter(), time.process_time()
    exec(line, names)
    rows.append(dict(line=line, seconds=time.perf_counter() - passed, processor_seconds=time.process_time() - worked))
print(json.dumps(rows))
'''


def measure():
    "Seconds of each import, in a Python of its own."
    done = subprocess.run([sys.executable, '-c', TIMED, json.dumps(IMPORTS)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=7)
    args = parser.parse_args()
    measure()  # fills the cache of files
    rounds = [measure() for _ in range(args.rounds)]
    write(dict(conditions=conditions('cpu', 'fp32'), rounds=rounds), RESULTS/'imports.json')
    for rows in zip(*rounds):
        passed, worked = (median(row[name] for row in rows) for name in ('seconds', 'processor_seconds'))
        print(f"{rows[0]['line']:<35} {passed:6.2f} s, {worked:6.2f} s of a processor")


if __name__ == '__main__': main()
