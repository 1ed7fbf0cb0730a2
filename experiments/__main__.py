"""`python -m experiments learner-64 --data DIR` trains what is missing in results/experiments/.

Each run is stored when it is over, so you may interrupt it at any time."""
import argparse
import shutil

from sotatrain.core.cache import cache_folder
from sotatrain.data import dataset, image_files
from sotatrain.experiment import compare

from . import EXPERIMENTS, PER_CLASS


def main():
    args = arguments()
    for name in args.names:
        first, *others = EXPERIMENTS[name]
        chosen = [first, *(r for r in others if not args.recipes or r.name in args.recipes)]
        data = args.data
        if name in PER_CLASS: data = part_of(data or first.data, PER_CLASS[name])
        print(compare(chosen, range(args.seeds), name, data), flush=True)


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


def part_of(data, per_class):
    """A folder with so many training pictures of each class, spread evenly over its files, and
    all validation pictures."""
    source, groups = dataset(data).absolute(), {}
    for file in image_files(source):
        if file.is_relative_to(source/'train'): groups.setdefault(file.parent, []).append(file)
    chosen = [file for group in groups.values() for file in spread(group, per_class)]
    part = cache_folder()/f'{source.name}-{len(chosen)}'
    is_of_this_source = (part/'val').resolve() == (source/'val').resolve()
    if not is_of_this_source: link(source, part, chosen)
    return part


def spread(files, n):
    return [files[i*len(files)//n] for i in range(min(n, len(files)))]


def link(source, part, chosen):
    draft = part.with_name(f'.{part.name}.draft')
    for old in (draft, part): shutil.rmtree(old, ignore_errors=True)
    for file in chosen:
        place = draft/file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    for other in (source/'val', *source.glob('noisy_*.csv')):
        (draft/other.name).symlink_to(other)
    draft.replace(part)


if __name__ == '__main__': main()
