"""The comparisons that the chapters show: `python -m bench.experiments --data DIR` trains what is missing in results/.

Each run is stored when it is over, so it can be interrupted at any time; --names and --recipes choose."""
import argparse
from dataclasses import replace

from sotatrain.experiment import Recipe, compare

SMALL = Recipe('baseline', data='imagenette', arch='xresnet18', size=64, epochs=5, bs=64, lr=6e-3)

EXPERIMENTS = {
    # Photographs at a size at which two processor cores need minutes for a run.
    'imagenette-64': [
        SMALL,
        replace(SMALL, name='DataBlock', loader='datablock'),
        replace(SMALL, name='normalized', batch_tfms={'Normalize': {}}),
        replace(SMALL, name='fp32', bf16=False)],
    # At the size of the well-known version of the book: a minute a run on a large GPU, days on two cores.
    **{f'imagenette-{size}': [
        Recipe('baseline', data='imagenette', arch='xresnet50', size=size, epochs=5, bs=64, lr=3e-3),
        Recipe('normalized', data='imagenette', arch='xresnet50', size=size, epochs=5, bs=64, lr=3e-3, batch_tfms={'Normalize': {}})]
        for size in (128, 224)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', help="a folder with train/ and val/, instead of the recipes' data")
    parser.add_argument('--names', nargs='+', choices=EXPERIMENTS, default=['imagenette-64'], help='experiments: %(choices)s')
    parser.add_argument('--recipes', nargs='+', help='names of recipes, the first one of the experiment included anyway')
    parser.add_argument('--seeds', type=int, default=3)
    args = parser.parse_args()
    for name in args.names:
        first, *others = EXPERIMENTS[name]
        chosen = [first, *(r for r in others if not args.recipes or r.name in args.recipes)]
        print(compare(chosen, range(args.seeds), name, args.data), flush=True)


if __name__ == '__main__': main()
