"""`python -m experiments.queue --data DIR` works the long plan off: what is in neither
results/experiments/ nor results/unfinished/, where new runs go. It goes seed by seed over all
recipes, so that whatever is there can be compared.

Interrupt it at any time: the same command goes on, also within a run. It runs at low priority;
accuracies do not depend on that, and seconds are not taken from here.

On a GPU, small networks leave most of it idle: take as many workers as there are cores, each
with one thread (`OMP_NUM_THREADS=1`), and start NVIDIA's MPS before (`nvidia-cuda-mps-control
-d`), which lets them compute at the same time and not in turns."""
import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from sotatrain.core.cache import cache_folder, only_one
from sotatrain.experiment import Workers, load_runs
from sotatrain.experiment.spread import spread
from sotatrain.experiment.training import sharing

from . import EXPERIMENTS, claims
from .measure import measure

RESULTS = Path(__file__).resolve().parent.parent/'results'/'unfinished'


@dataclass(frozen=True)
class Job:
    "Recipes that share a training run, and lack one from this seed."
    experiment: str
    recipes: list
    seed: int

    def __str__(self): return f'{self.experiment}, {self.recipes[0].name}, seed {self.seed}'

    @property
    def cost(self):
        "In pixels, of a training run."
        return sum(stage.epochs * stage.size**2 for stage in self.recipes[0].all_stages)


def main():
    args = arguments()
    jobs = {str(job): job for job in missing(args.names, args.seeds, args.results)}
    print(f'{len(jobs)} training runs are missing')
    if args.list: return print(*jobs, sep='\n')
    if hasattr(os, 'nice'): os.nice(19)
    folder = cache_folder()/'queue'
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(sum(job.cost for job in jobs.values()))
    calls = {name: (job, args.data, args.results, folder) for name, job in jobs.items()}
    with only_one(folder/'.lock', 'the queue'), Workers(args.workers) as workers:
        for name, accuracy in spread(workers, carry_out, calls):
            clock.done(jobs[name].cost)
            print(f'{name}: {accuracy}; about {clock.hours_left:.1f} hours left', flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog='python -m experiments.queue',
                                     description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', default=[*claims.EXPERIMENTS],
                        help=f"experiments; {', '.join(claims.EXPERIMENTS)} if not given")
    parser.add_argument('--seeds', type=int, nargs='+',
                        help='those of the plan, if not given')
    parser.add_argument('--data', help="a folder with train/ and val/, instead of Imagenette")
    parser.add_argument('--results', type=Path, default=RESULTS, help='folder')
    parser.add_argument('--workers', type=int, default=1,
                        help='runs at a time, each in a process with its share of the cores')
    parser.add_argument('--list', action='store_true', help='say what is missing, no more')
    args = parser.parse_args()
    unknown = {*args.names} - {*EXPERIMENTS}
    if args.workers < 1: parser.error('--workers is a number from 1 on')
    if unknown: parser.error(f"no experiment is called {', '.join(sorted(unknown))}")
    return args


def missing(names, seeds, results):
    "What is to be trained, in the order of the seeds; of the plan, if none are given."
    for seed in seeds or range(5):
        for name in names:
            done = [run.recipe for run in [*load_runs(name, results), *load_runs(name)]
                    if run.seed == seed]
            for group in sharing(EXPERIMENTS[name]):
                lacking = [recipe for recipe in group if not is_in(recipe, done)]
                planned = seeds or seed < claims.seeds_of(group[0])
                if lacking and planned: yield Job(name, lacking, seed)


def is_in(recipe, done):
    return any(recipe.name == other.name and recipe.differences(other).keys() <= {'data'}
               for other in done)


def carry_out(job, data, results, out):
    "In a worker: trains, stores what came out, and returns an accuracy."
    found = measure(job.experiment, job.recipes, [job.seed], data, results,
                    progress=False, out=out/job.experiment)
    return found.runs[0].error or f'{found.runs[0].accuracy:.1%}'


class Clock:
    "Says how long the rest of the plan takes, at the speed of now."
    def __init__(self, total): self.left, self.start, self.over = total, perf_counter(), 0

    def done(self, cost):
        self.over += cost
        self.left -= cost

    @property
    def hours_left(self):
        return (perf_counter() - self.start) * self.left / self.over / 3600


if __name__ == '__main__': main()
