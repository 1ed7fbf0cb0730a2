"""The command `sotatrain`: train, compare and show, from the shell."""
import argparse
import contextlib
import json
import os
import sys
import textwrap
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from . import __version__
from .core import processes
from .deploy import shell

DESCRIPTION = """Train image classifiers from scratch, and find out whether a change helps.

A recipe says everything about a run but its seed. It is a JSON file, or a few words such as
size=64 lr=0.006; what they do not mention comes from a profile of settings.ini (smoke, cpu,
gpu, long)."""
EXAMPLES = """examples:
  sotatrain train size=64 epochs=5                 one run on Doodlenette, the drawn data set
  sotatrain train ~/photos --model shirts          a folder for each class: a trained network's
                                                   last layer, in a minute
  sotatrain train --data ~/imagenette2 --profile gpu
  sotatrain train --data ~/birds epochs=80 cbs='{"MixUp": {}}' --export birds.pkl
  sotatrain train --out runs/pets --resume         goes on where it was interrupted
  sotatrain recipe > base.json                     write a recipe, to edit it
  sotatrain recipe lr=0.01 > fast.json             another one, called `fast` after its file
  sotatrain train --recipe minutes-5 --data ~/imagenette2 --seeds 5
  sotatrain compare base.json fast.json --seeds 5 --name rates
  sotatrain show rates                             what it gave; `sotatrain show` lists all
  sotatrain leaderboard                            what the recipes with a name reached
  sotatrain cache                                  decoded pictures that are kept on disk"""
MODELS = f"""models:{shell.EXAMPLES}

Several GPUs for one run, also of several machines:
  torchrun --nproc-per-node 4 -m sotatrain train --recipe minutes-5 --data ~/imagenette2
  accelerate launch -m sotatrain train …           the same
bs stays the size of a whole batch, which the processes share. Batch norm measures the share of
each process, and averages what it keeps; cbs='["SharedBatchNorm"]' lets it measure the whole
batch, on GPUs.

Several runs at a time, on GPUs, processes or machines: `sotatrain compare --workers 4`, or
--scheduler ADDRESS.

The environment variable SOTATRAIN_DEBUG=1 shows where an error comes from."""


def main(argv=None):
    args = _arguments(argv)
    _quiet()
    if not processes.is_first(): sys.stdout = open(os.devnull, 'w')  # one of several speaks
    try:
        status = args.run(args)
        sys.stdout.flush()  # here, where an error still becomes a sentence
        return status
    except BrokenPipeError: return _end_quietly()
    except KeyboardInterrupt as stop:
        if str(stop): sys.exit(processes.last_words(f'sotatrain: {stop}'))
        kept = "; finished runs are kept, and the same command goes on"
        sys.exit(processes.last_words(
            f"\nsotatrain: interrupted{kept if getattr(args, 'name', None) else ''}"))
    except Exception as error:
        if os.environ.get('SOTATRAIN_DEBUG'): raise
        sys.exit(processes.last_words(f'sotatrain: {_sentence(error)}'))


# of ours: they name the value, or what is not installed, and the way out
EXPECTED = ValueError, TypeError, OSError, ModuleNotFoundError


def _sentence(error):
    "What went wrong, on one line."
    text = ' '.join(str(error).split())
    if type(error).__name__ == 'OutOfMemoryError':  # of PyTorch, which need not be imported
        return "the GPU's memory is full: lower bs or size, and the rate with it"
    if type(error).__name__ == 'NoPicture': text += '; --on-error skip leaves it out'
    if isinstance(error, EXPECTED) and text: return text
    short = textwrap.shorten(text, 300, placeholder=' …')
    return f'{type(error).__name__}: {short} (SOTATRAIN_DEBUG=1 shows where it comes from)'


def _end_quietly():
    "For `sotatrain show | head`: nobody reads on, and Python is not to complain at its end."
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


# What may be asked for

def _arguments(argv):
    "What was asked for; words of a recipe may stand before and after options."
    parser = _parser()
    args, words = parser.parse_known_args(argv)
    unknown = [word for word in words if word.startswith('-')]
    if not hasattr(args, 'recipe'): unknown = unknown or words
    if unknown: parser.error(f"unknown: {' '.join(unknown)}")
    if words: args.recipe += words
    return args


def _parser():
    parser = argparse.ArgumentParser(
        prog='sotatrain', description=DESCRIPTION,
        epilog=f'{EXAMPLES}\n\n{MODELS}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--version', action='version', version=f'sotatrain {__version__}')
    commands = parser.add_subparsers(title='commands', required=True, metavar='COMMAND')
    for add in (_add_train, _add_compare, _add_show, _add_recipe, _add_leaderboard, _add_cache):
        add(commands)
    shell.add_commands(commands, _command)
    return parser


def _add_train(commands):
    command = _command(commands, 'train', _train, 'train once, and print what came out')
    _recipe_words(command)
    command.add_argument(
        '--seed', type=int, default=0, help='of weights, order and crops (default: 0)')
    command.add_argument(
        '--seeds', type=int, metavar='N', help='N runs, from SEED on, and their mean')
    command.add_argument(
        '--export', type=Path, metavar='FILE',
        help="write the trained learner there; fastai's load_learner reads it")
    shell.add_model_options(command)
    command.add_argument(
        '--resume', action='store_true',
        help='go on with the run in --out, if there is one')
    _run_options(command)


def _add_compare(commands):
    command = _command(
        commands, 'compare', _compare,
        'train several recipes from several seeds, and compare them with the first')
    command.add_argument(
        'recipes', nargs='+', metavar='RECIPE',
        help='JSON files; the first is what the others are compared with')
    command.add_argument(
        '--seeds', type=int, default=3, metavar='N',
        help='runs of each, from seeds 0 to N-1 (default: 3; five are safer)')
    command.add_argument(
        '--name', required=True,
        help='name of the experiment; its runs are kept in RESULTS/NAME/')
    command.add_argument(
        '--results', type=Path,
        help='folder (default: $SOTATRAIN_RESULTS, or results/experiments/)')
    _run_options(command)
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        '--workers', type=int, metavar='N',
        help='N runs at a time, each in a process of its own, with a GPU of its own if there '
             'are as many')
    where.add_argument(
        '--scheduler', metavar='ADDRESS',
        help='runs on the machines of a Dask cluster, such as tcp://10.0.0.1:8786, whose '
             "workers have --nthreads 1 (pip install 'sotatrain[cluster]'); data must be in "
             'the same place everywhere, and results are kept here. Slurm, by submitit: see '
             'help(sotatrain.experiment.compare)')


def _add_show(commands):
    command = _command(commands, 'show', _show, 'show a measured comparison, or list all')
    command.add_argument('name', nargs='?', help='an experiment')
    command.add_argument('--results', type=Path, help='folder')


def _add_recipe(commands):
    command = _command(commands, 'recipe', _recipe, 'print a recipe as JSON')
    _recipe_words(command)
    command.add_argument(
        '--profile', help='where other fields come from: smoke, cpu, gpu or long')


def _add_leaderboard(commands):
    command = _command(
        commands, 'leaderboard', _leaderboard,
        'show what the recipes that have a name reached; run some of them')
    command.add_argument(
        'names', nargs='*', metavar='NAME', help='run these first, and store their runs')
    command.add_argument(
        '--seeds', type=int, default=5, metavar='N', help='runs of each (default: 5)')
    command.add_argument('--results', type=Path, help='folder')
    _run_options(command)


def _add_cache(commands):
    command = _command(
        commands, 'cache', _cache, 'list, check or remove the decoded pictures kept on disk')
    task = command.add_mutually_exclusive_group()
    task.add_argument(
        '--check', action='store_true', help='read all of them, and compare their checksums')
    task.add_argument(
        '--clean', nargs='*', metavar='NAME',
        help='remove what nothing can use any more, and these; a later run makes them again')
    command.add_argument(
        '--older-than', type=float, metavar='DAYS',
        help='with --clean: also those that were not used for so long; 0 is all of them')


def _command(commands, name, run, help):
    command = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + '.')
    command.set_defaults(run=run)
    return command


def _recipe_words(command):
    command.add_argument(
        'recipe', nargs='*', metavar='RECIPE',
        help='a JSON file or a name, such as minutes-5; and/or field=value words. Of `train`, '
             'also a folder of photographs')
    command.add_argument(
        '--recipe', dest='named', metavar='NAME', help='the same as its name among the words')


def _run_options(command):
    command.add_argument(
        '--data', metavar='DIR',
        help="a folder with train/ and val/, instead of the recipe's data")
    command.add_argument(
        '--profile', help='where fields come from that the recipe does not mention')
    command.add_argument('--device', help='cpu, cuda or mps (default: the fastest there is)')
    command.add_argument(
        '--on-error', choices=['raise', 'skip'], default='raise',
        help='a picture that cannot be decoded: stop, or do without it (default: raise)')
    command.add_argument(
        '--out', type=Path, metavar='DIR',
        help='keep recipe, log and checkpoints there, to go on after an interruption')
    command.add_argument(
        '--every', default='5m', metavar='TIME',
        help='between checkpoints, as 90s or 1h; each epoch ends with one (default: 5m)')


# What is done. Imports are inside the functions: fastai's take ten seconds.

def _train(args):
    from .core.checks import whole
    whole('--seed', args.seed, least=0)
    if folder := _photographs(args): return shell.train_photographs(folder, args)
    if args.group is not None: raise ValueError(
        "--group goes with a folder of photographs: sotatrain train FOLDER")
    if args.resume and not args.out: raise ValueError(
        "--resume goes with --out: name the folder of the run")
    if args.seeds is not None: return _train_several(args)
    recipe, options = _read(_words(args), args.profile), _options(args)
    from .experiment import train
    after = shell.saver(recipe, args)
    run = train(recipe, args.seed, export=args.export, after=after, resume=args.resume,
                **options)
    print(run)
    return int(run.failed)


def _photographs(args):
    "The folder among the words, if there is one: what it holds is learned without a recipe."
    from .experiment.named import SOTA
    folders = [Path(word).expanduser() for word in args.recipe if word not in SOTA]
    return next(filter(Path.is_dir, folders), None)


def _train_several(args):
    from .core.checks import whole
    whole('--seeds', args.seeds)
    for option in '--export', '--model':
        if getattr(args, option[2:]): raise ValueError(
            f"{option} writes one learner, and --seeds trains several: leave one of them out")
    recipe, options = _read(_words(args), args.profile), _options(args)
    seeds = range(args.seed, args.seed + args.seeds)
    from .experiment import Comparison, compare, train
    if args.out: comparison = Comparison([  # a folder for each seed, which stays
        train(recipe, seed, resume=args.resume, **options | {'out': args.out/f'seed{seed}'})
        for seed in seeds])
    else: comparison = compare([recipe], seeds, **options)
    for run in comparison.runs: print(run)
    print(comparison)
    return int(any(run.failed for run in comparison.runs))


def _words(args): return ([args.named] if args.named else []) + args.recipe


def _leaderboard(args):
    from .experiment.leaderboard import EXPERIMENT, as_text, leaderboard
    from .experiment.named import sota
    recipes = [sota(name) for name in args.names]
    if recipes:
        from .experiment import compare
        options = _options(args)
        for recipe in recipes:
            compare([recipe], range(args.seeds), EXPERIMENT, folder=args.results, **options)
    print(as_text(leaderboard(args.results)))


def _compare(args):
    recipes = [_read([word], args.profile) for word in args.recipes]
    _check_names(args.recipes, [recipe.name for recipe in recipes])
    from .experiment import compare
    options = _options(args)
    with _executor(args) as executor: comparison = compare(
        recipes, range(args.seeds), args.name, folder=args.results, executor=executor,
        **options)
    print(comparison)


def _executor(args):
    "Who carries runs out, if others than this process do."
    if args.workers is None and args.scheduler is None: return contextlib.nullcontext()
    from .experiment.spread import Workers, dask_executor
    return dask_executor(args.scheduler) if args.scheduler else Workers(args.workers)


def _options(args):
    "What all runs are told beside their recipes."
    from .core.checks import optional, seconds
    from .core.machine import check_device
    processes.join(args.device)  # before anything is computed: each takes a GPU of its own
    optional(check_device)('--device', args.device)
    seconds('--every', args.every)
    return dict(data=args.data, device=args.device, on_error=args.on_error,
                out=args.out, every=args.every)


def _quiet():
    "No warnings about how the libraries below use each other, unless someone asks for them."
    if sys.warnoptions: return
    warnings.simplefilter('ignore', FutureWarning)
    warnings.simplefilter('ignore', DeprecationWarning)
    warnings.filterwarnings('ignore', "The 'mode.chained_assignment' option")


def _show(args):
    from .core.checks import did_you_mean
    from .experiment.comparison import stored_results
    from .experiment.store import experiments, results_folder
    folder = args.results or results_folder()
    names = experiments(args.results)
    if args.name and args.name not in names: raise ValueError(
        f"no experiment in {folder} is called {args.name!r}{did_you_mean(args.name, names)}")
    if args.name: return print(stored_results(args.name, speed=True, folder=args.results))
    none = f'no experiments in {folder} yet: `sotatrain compare` makes them'
    print('\n'.join(names) or none)


def _recipe(args):
    recipe = _read(_words(args), args.profile)
    values = recipe.to_dict()
    # without a name of its own, a recipe is called after the file that it is written into
    said = any(word.startswith('name=') for word in args.recipe)
    if recipe.name == type(recipe)().name and not said: del values['name']
    print(json.dumps(values, indent=1))


# Recipes

def _read(words, profile):
    "A recipe from a JSON file or a name, if the first word is one, and `field=value` words."
    from . import settings
    from .experiment.named import SOTA, sota
    from .experiment.recipe import Recipe
    changes, words = {}, list(words)
    if words and words[0] in SOTA and not Path(words[0]).exists():
        return sota(words[0], **dict(map(_field, words[1:])))
    if words and '=' not in words[0]:
        file = Path(words.pop(0))
        changes = {'name': file.stem} | _json_file(file)
    changes |= dict(map(_field, words))
    return Recipe.from_profile(settings.load(profile), **changes)


def _json_file(file):
    "The fields of a recipe, also of one in a stored run."
    try: values = json.loads(file.read_text(encoding='utf-8'))
    except OSError as e:
        raise FileNotFoundError(
            f"{file} cannot be read ({e.strerror}): name a recipe's JSON file; "
            "`sotatrain recipe` prints one") from None
    except ValueError as e: raise ValueError(f"{file} is not JSON ({e})") from None
    if isinstance(values, Mapping) and 'recipe' in values: values = values['recipe']
    if not isinstance(values, Mapping): raise ValueError(
        f"{file} holds no named fields: write them as {{\"lr\": 0.01}}; "
        "`sotatrain recipe` prints them all")
    return values


def _field(word):
    name, equals, value = word.partition('=')
    if not equals:
        raise ValueError(
            f"{word!r} is neither a recipe's file (the first word) nor field=value")
    try: return name, json.loads(value)
    except ValueError: pass
    try: return name, float(value)  # `.1`, which JSON writes `0.1`
    except ValueError: return name, value  # text without quotes


def _check_names(files, names):
    "Recipes of the same name could not be told apart."
    for i, name in enumerate(names):
        if name in names[:i]: raise ValueError(
            f"{files[names.index(name)]} and {files[i]} are both called {name!r}: give one of "
            f"them another \"name\", or none, and it is called after its file; "
            f"`sotatrain recipe {files[i]} name=fast` prints it with one")


# The cache

def _cache(args):
    from .core import store
    from .core.cache import megabytes
    if args.clean is None and args.older_than is not None:
        raise ValueError("--older-than goes with --clean")
    if args.check: return _check_stores(store)
    folder = store.stores_folder()
    if args.clean is None: stores, what = store.list_stores(), 'in'
    else: stores, what = store.remove_stores(args.clean, args.older_than), 'removed from'
    total = megabytes(sum(each.size for each in stores))
    print(f'{len(stores)} stores of decoded pictures {what} {folder}, {total}')
    for each in stores: print(_line(each, megabytes))


def _line(each, megabytes):
    day = time.strftime('%Y-%m-%d', time.localtime(each.last_use))
    if each.root is None: facts = each.useless
    else:
        gone = ' (gone)' if each.useless else ''
        facts = f'{each.pictures:,} pictures of {each.root}{gone}, {each.side} px'
    return f'{each.name}  {megabytes(each.size)}, last used {day}: {facts}'


def _check_stores(store):
    "Exit status 1 if one of them is damaged."
    states = {each.name: _state(store, each.folder) for each in store.list_stores()}
    for name, state in states.items(): print(f'{name}: {state or "sound"}')
    return int(any(states.values()))


def _state(store, folder):
    "What is wrong with a store; '' if nothing is."
    try: bad = store.check_store(folder)
    except ValueError as error: return f'{error}; `sotatrain cache --clean` removes it'
    if not bad: return ''
    return f'{len(bad)} pictures are damaged, {bad[0]} first; the next use decodes them again'


if __name__ == '__main__': sys.exit(main())
