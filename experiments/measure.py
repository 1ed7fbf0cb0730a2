"""Recipes of an experiment, trained on the pictures that belong to it, stored in its order."""
from dataclasses import replace

from sotatrain.core.cache import cache_folder, new_folder, remove_folder
from sotatrain.data import dataset, image_files
from sotatrain.experiment import compare, store

from . import EXPERIMENTS, PER_CLASS


def measure(experiment, recipes, seeds, data=None, folder=None, **more):
    "Some recipes of an experiment, as `compare` takes them, each kept in its place."
    if experiment in PER_CLASS:
        data = part_of(data or recipes[0].data, PER_CLASS[experiment])
    found = compare(recipes, seeds, experiment, data, folder=folder, **more)
    places = [recipe.name for recipe in EXPERIMENTS[experiment]]
    for run in found.runs:
        placed = replace(run, position=places.index(run.recipe.name))
        file = store.file_of(run.recipe, run.seed, experiment, folder)
        if placed != run: store.write(placed, file)
    return found


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
    remove_folder(part)
    with new_folder(part) as draft:
        for file in chosen:
            place = draft/file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
        for other in (source/'val', *source.glob('noisy_*.csv')):
            (draft/other.name).symlink_to(other)
