"""The command `sotatrain`: train, compare and show, from the shell."""
import argparse
import json
import sys
from pathlib import Path

DESCRIPTION = """Train image classifiers from scratch, and find out whether a change helps.

A recipe says everything about a run but its seed. It is a JSON file, or a few words such as
size=64 lr=0.006; what they do not mention comes from a profile of settings.ini (smoke, cpu,
gpu, long)."""
EXAMPLES = """examples:
  sotatrain train size=64 epochs=5                 one run on Doodlenette, the drawn data set
  sotatrain train --data ~/imagenette2 --profile gpu
  sotatrain train --data ~/birds epochs=80 cbs='{"MixUp": {}}' --export birds.pkl
  sotatrain recipe lr=0.01 > fast.json             write a recipe, to edit it
  sotatrain compare base.json fast.json --seeds 3 --name rates
  sotatrain show rates                             what it gave; `sotatrain show` lists all"""


def main(argv=None):
    args = _arguments(argv)
    try: return args.run(args)
    except (ValueError, TypeError, FileNotFoundError, ConnectionError) as e:
        sys.exit(f'sotatrain: {e}')
    except KeyboardInterrupt:
        kept = "; finished runs are kept, and the same command goes on"
        sys.exit(f"\nsotatrain: interrupted{kept if getattr(args, 'name', None) else ''}")


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
        prog='sotatrain', description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title='commands', required=True, metavar='COMMAND')
    for add in (_add_train, _add_compare, _add_show, _add_recipe): add(commands)
    return parser


def _add_train(commands):
    command = _command(commands, 'train', _train, 'train once, and print what came out')
    _recipe_words(command)
    command.add_argument(
        '--seed', type=int, default=0, help='of weights, order and crops (default: 0)')
    command.add_argument(
        '--export', type=Path, metavar='FILE',
        help="write the trained learner there; fastai's load_learner reads it")
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
        help='runs of each, from seeds 0 to N-1 (default: 3)')
    command.add_argument(
        '--name', required=True,
        help='name of the experiment; its runs are kept in RESULTS/NAME/')
    command.add_argument(
        '--results', type=Path,
        help='folder (default: $SOTATRAIN_RESULTS, or results/experiments/)')
    _run_options(command)


def _add_show(commands):
    command = _command(commands, 'show', _show, 'show a measured comparison, or list all')
    command.add_argument('name', nargs='?', help='an experiment')
    command.add_argument('--results', type=Path, help='folder')


def _add_recipe(commands):
    command = _command(commands, 'recipe', _recipe, 'print a recipe as JSON')
    _recipe_words(command)
    command.add_argument(
        '--profile', help='where other fields come from: smoke, cpu, gpu or long')


def _command(commands, name, run, help):
    command = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + '.')
    command.set_defaults(run=run)
    return command


def _recipe_words(command):
    command.add_argument(
        'recipe', nargs='*', metavar='RECIPE', help='a JSON file, and/or field=value words')


def _run_options(command):
    command.add_argument(
        '--data', metavar='DIR',
        help="a folder with train/ and val/, instead of the recipe's data")
    command.add_argument(
        '--profile', help='where fields come from that the recipe does not mention')
    command.add_argument('--device', help='cpu, cuda or mps (default: the fastest there is)')


# Imports are inside the functions, so that `sotatrain --help` answers at once.

def _train(args):
    from sotatrain.experiment import train
    recipe = _read(args.recipe, args.profile)
    run = train(recipe, args.seed, args.data, args.device,
                progress=sys.stdout.isatty(), export=args.export)
    print(run)
    return int(run.failed)


def _compare(args):
    from sotatrain.experiment import compare
    recipes = [_read([word], args.profile) for word in args.recipes]
    comparison = compare(
        recipes, range(args.seeds), args.name, args.data, args.device, args.results,
        progress=sys.stdout.isatty())
    print(comparison)


def _show(args):
    from sotatrain.experiment import experiments, results_folder, stored_results
    if args.name: return print(stored_results(args.name, speed=True, folder=args.results))
    folder = args.results or results_folder()
    none = f'no experiments in {folder} yet: `sotatrain compare` makes them'
    print('\n'.join(experiments(folder)) or none)


def _recipe(args): print(_read(args.recipe, args.profile).to_json())


def _read(words, profile):
    "A recipe from a JSON file, if the first word names one, and `field=value` words."
    from sotatrain import settings
    from sotatrain.experiment import Recipe
    changes, words = {}, list(words)
    if words and '=' not in words[0]:
        file = Path(words.pop(0))
        changes = {'name': file.stem} | _json_file(file)
    changes |= dict(map(_field, words))
    return Recipe.from_profile(settings.load(profile), **changes)


def _json_file(file):
    try: return json.loads(file.read_text(encoding='utf-8'))
    except OSError as e:
        raise FileNotFoundError(
            f"{file} cannot be read ({e.strerror}): name a recipe's JSON file; "
            "`sotatrain recipe` prints one") from None
    except ValueError as e: raise ValueError(f"{file} is not JSON ({e})") from None


def _field(word):
    name, equals, value = word.partition('=')
    if not equals:
        raise ValueError(
            f"{word!r} is neither a recipe's file (the first word) nor field=value")
    try: return name, json.loads(value)
    except ValueError: return name, value  # text without quotes


if __name__ == '__main__': sys.exit(main())
