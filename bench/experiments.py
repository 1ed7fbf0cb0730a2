"""The comparisons that the chapters show: `python -m bench.experiments --data DIR` trains what is missing in results/.

Each run is stored when it is over, so it can be interrupted at any time; --names and --recipes choose."""
import argparse
import shutil
from dataclasses import replace

from sotatrain.core.cache import cache_folder
from sotatrain.data import dataset, image_files
from sotatrain.experiment import Recipe, compare

SMALL = Recipe('baseline', data='imagenette', arch='xresnet18', size=64, epochs=5, bs=64, lr=6e-3)

def staged(first, *stages):
    "The recipe with what differs from stage to stage given by `stages`."
    one = {name: getattr(first, name) for name in ('size', 'epochs', 'bs', 'lr')}
    return replace(first, **dict.fromkeys(one), stages=[one | stage for stage in stages])

def progressive(first, small, all_small, early, late, growing, begin, end):
    "All epochs at the recipe's size, `all_small` at a small one, `early` and then `late` ones in stages, `growing` with a size that grows from `begin` to `end`."
    first_stage, second = dict(size=small, epochs=early), dict(epochs=late, lr=first.lr / 2)
    return [
        replace(first, name=f'{first.size} px'),
        replace(first, name=f'{small} px', size=small, epochs=all_small),
        replace(staged(first, first_stage, second), name='stages'),
        replace(staged(first, first_stage, second | {'schedule': 'fine_tune'}), name='stages, fine_tune'),
        replace(first, name='growing', epochs=growing, cbs={'ProgressiveResize': {'small': small, 'begin': begin, 'end': end}})]


def ways_to_predict(first):
    "Test-time augmentation in many ways; all share a training."
    ways = {'plain': None, 'flip': dict(views='flip', beta=.5), 'random': {}, 'random 8': dict(n=8), 'five_crop': dict(views='five_crop'),
            'multi_scale': dict(views='multi_scale'), 'random, max': dict(merge='max'), 'random, gmean': dict(merge='gmean')}
    return [replace(first, name=name, tta=tta) for name, tta in ways.items()]


SMOOTHING, MIXUP = dict(loss={'LabelSmoothingCrossEntropy': {}}), dict(cbs={'MixUp': {}})

def soft_targets(first, few, many):
    "Mixup and label smoothing with true and with wrong labels; smoothing for fewer and for more epochs."
    ways = {'plain': {}, 'Mixup': MIXUP, 'smoothing': SMOOTHING, 'Mixup and smoothing': MIXUP | SMOOTHING}
    two = {name: ways[name] for name in ('plain', 'smoothing')}
    variants = {name: dict(cbs={name: {}}) for name in ('CutMix', 'ManifoldMixUp', 'MixOne')}
    def named(suffix, ways, **changes): return [replace(first, name=name + suffix, **way, **changes) for name, way in ways.items()]
    return [*named('', ways), *named(', 25 wrong', ways, noise=25), *named(', 50 wrong', two, noise=50), *named(', 5 wrong', two, noise=5),
            *named('', variants), *named(f', {few} epochs', two, epochs=few), *named(f', {many} epochs', two, epochs=many),
            *named(f', 50 wrong, {many} epochs', two, noise=50, epochs=many)]


EXPERIMENTS = {
    # Photographs at a size at which two processor cores need minutes for a run.
    'learner-64': [
        SMALL,
        replace(SMALL, name='DataBlock', loader='datablock'),
        replace(SMALL, name='normalized', batch_tfms={'Normalize': {}}),
        replace(SMALL, name='fp32', bf16=False)],
    # The finder's suggestion is near the lowest of these.
    'learner-rates-32': [replace(SMALL, name=f'rate {lr}', data='doodlenette', size=32, lr=lr) for lr in (.006, .0006, .002, .02)],
    # Plans of about equal time: on two cores, an epoch at 32 px takes .46 of the time of one at 64 px; on a large GPU,
    # one at 128 px takes about a third of one at 224 px.
    'resizing-64': progressive(replace(SMALL, epochs=3, presize=80), 32, all_small=6, early=2, late=2, growing=4, begin=.2, end=.9),
    'resizing-224': progressive(Recipe(data='imagenette-320', arch='xresnet50', size=224, epochs=6, bs=64, lr=3e-3, presize=256),
                                   128, all_small=18, early=9, late=3, growing=9, begin=0., end=.75),
    'tta-64': ways_to_predict(replace(SMALL, presize=80)),
    'tta-128': ways_to_predict(Recipe(data='imagenette-160', arch='xresnet18', size=128, epochs=5, bs=64, lr=6e-3, presize=160)),
    # Few photographs, so that many epochs are affordable, and learning by heart comes early.
    'soft-targets': soft_targets(replace(SMALL, size=32, presize=40, epochs=20), few=5, many=60),
    'soft-targets-128': soft_targets(Recipe(data='imagenette-160', arch='xresnet18', size=128, epochs=20, bs=64, lr=6e-3, presize=160), few=5, many=80),
    # At the size of the well-known version of the book: a minute a run on a large GPU, days on two cores.
    **{f'learner-{size}': [
        Recipe('baseline', data='imagenette', arch='xresnet50', size=size, epochs=5, bs=64, lr=3e-3),
        Recipe('normalized', data='imagenette', arch='xresnet50', size=size, epochs=5, bs=64, lr=3e-3, batch_tfms={'Normalize': {}})]
        for size in (128, 224)}}


PER_CLASS = {'soft-targets': 200}  # experiments that train on a part of the pictures


def part_of(data, per_class):
    "A folder with so many training pictures of each class, spread evenly over its files, and all validation pictures."
    source, files = dataset(data).absolute(), {}
    for file in image_files(source):
        if file.is_relative_to(source/'train'): files.setdefault(file.parent, []).append(file)
    chosen = [group[i*len(group)//per_class] for group in files.values() for i in range(min(per_class, len(group)))]
    part = cache_folder()/f'{source.name}-{len(chosen)}'
    if (part/'val').resolve() != (source/'val').resolve(): _link(source, part, chosen)  # it may be of another folder with this name
    return part

def _link(source, part, chosen):
    draft = part.with_name(f'.{part.name}.draft')
    for old in (draft, part): shutil.rmtree(old, ignore_errors=True)
    for file in chosen:
        (draft/file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        (draft/file.relative_to(source)).symlink_to(file)
    for other in (source/'val', *source.glob('noisy_*.csv')): (draft/other.name).symlink_to(other)
    draft.replace(part)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', help="a folder with train/ and val/, instead of the recipes' data")
    parser.add_argument('--names', nargs='+', choices=EXPERIMENTS, default=['learner-64'], help='experiments: %(choices)s')
    parser.add_argument('--recipes', nargs='+', help='names of recipes, the first one of the experiment included anyway')
    parser.add_argument('--seeds', type=int, default=3)
    args = parser.parse_args()
    for name in args.names:
        first, *others = EXPERIMENTS[name]
        chosen = [first, *(r for r in others if not args.recipes or r.name in args.recipes)]
        data = part_of(args.data or first.data, PER_CLASS[name]) if name in PER_CLASS else args.data
        print(compare(chosen, range(args.seeds), name, data), flush=True)


if __name__ == '__main__': main()
