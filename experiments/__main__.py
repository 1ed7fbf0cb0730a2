"""`python -m experiments learner-64 --data DIR` trains what is missing in results/experiments/.

Each run is stored when it is over, so you may interrupt it at any time."""
import argparse

from . import EXPERIMENTS
from .measure import measure


def main():
    args = arguments()
    for name in args.names:
        first, *others = EXPERIMENTS[name]
        chosen = [first, *(r for r in others if not args.recipes or r.name in args.recipes)]
        print(measure(name, chosen, range(args.seeds), args.data), flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        prog='python -m experiments', description=__doc__.splitlines()[0])
    parser.add_argument(
        'names', nargs='+', choices=EXPERIMENTS, help='experiments: %(choices)s')
    parser.add_argument(
        '--data', help="a folder with train/ and val/, instead of the recipes' data")
    parser.add_argument(
        '--recipes', nargs='+', help='names of recipes; the first one is included anyway')
    parser.add_argument('--seeds', type=int, default=3)
    return parser.parse_args()


if __name__ == '__main__': main()
