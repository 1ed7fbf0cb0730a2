"""The commands that use a trained model: predict, evaluate, export, demo."""
import csv
import itertools
import sys
import time
from pathlib import Path

__all__ = ['EXAMPLES', 'add_commands', 'add_model_options']

EXAMPLES = """
  sotatrain train --data ~/birds --model birds     the same, as a folder that only holds data
  sotatrain predict birds ~/photos --csv > what.csv
  sotatrain evaluate birds ~/birds --plot confusion.png
  sotatrain export birds --onnx                    a graph for other programs
  sotatrain demo birds                             a page: drop a picture, see probabilities"""


# What may be asked for

def add_commands(commands, command):
    "Each by `command`, which makes one of a name, a function and its help."
    _add_predict(command(commands, 'predict', predict, 'say what pictures show'))
    _add_evaluate(command(
        commands, 'evaluate', evaluate, 'score a model on pictures in a folder for each class'))
    _add_export(command(
        commands, 'export', export, 'write a model in forms that other programs read'))
    _add_demo(command(
        commands, 'demo', demo, 'open a page: drop a picture, see probabilities'))


def add_model_options(train):
    "What `sotatrain train` takes to write a model."
    train.add_argument(
        '--model', type=Path, metavar='FOLDER',
        help='write the trained model there, as data: weights, JSON, and a card')
    train.add_argument(
        '--license', metavar='ID', help="of that model, such as cc-by-4.0 (default: unknown)")
    train.add_argument(
        '--group', metavar='PATTERN',
        help='with a folder of photographs: those whose names match this regular expression in '
             "the same way stay together when some are held back, as '^[^-]+' (who sent them)")


def saver(recipe, args):
    "What `train` calls after the run; None without `--model`."
    _check_license(args)
    if not args.model: return None
    from .folder import saver
    return saver(recipe, args.model, args.license)


def _check_license(args):
    if not args.license: return
    if not args.model: raise ValueError("--license goes with --model")
    from .about import licence
    licence('--license', args.license)


def train_photographs(folder, args):
    "`sotatrain train FOLDER`: no recipe, a trained network, and its last layer for these."
    _check_license(args)
    size = _size(folder, args)
    from .folder import check_model_folder, save_model
    from .photos import NETWORK, learn_photographs, report
    if args.model: check_model_folder(args.model)  # before the work
    learn = learn_photographs(folder, size, args.group, args.seed, device=args.device,
                              on_error=args.on_error)
    if args.model: save_model(learn, args.model, NETWORK, license=args.license)
    _take_any_name(sys.stdout)
    print(report(learn))
    if args.group is None and not (folder/'train').is_dir(): print(
        'each photograph is a group of its own: if one person or one series gave several, '
        '--group keeps them on one side, or this number flatters')
    if args.model: print(f'{args.model} is ready: sotatrain predict {args.model} FILE')


def _size(folder, args):
    "What size= says among the words, or 128. Raises `ValueError` for what goes with recipes."
    words = [word for word in args.recipe if Path(word).expanduser() != folder]
    said = [f'--{name}' for name in ('seeds', 'export', 'resume', 'data', 'profile', 'out')
            if getattr(args, name)]
    said += ['--recipe'] if args.named else []
    said += [word for word in words if not word.startswith('size=')]
    if said: raise ValueError(
        f"{said[0]} goes with a recipe, and {folder} is learned without one: leave it out, or "
        f"say --data {folder} to train from scratch")
    value = words[-1].removeprefix('size=') if words else '128'
    if not value.isdecimal(): raise ValueError(f"size={value}: it must be a whole number (px)")
    return int(value)


def _add_predict(command):
    _model(command)
    command.add_argument(
        'sources', nargs='+', metavar='FILE|DIR|-',
        help='pictures, folders of them, or - for names of files from the standard input')
    command.add_argument('--top', type=int, default=1, metavar='N',
                         help='show the N most probable classes (default: 1)')
    command.add_argument('--csv', action='store_true', help='a table that programs read')
    _how(command)


def _add_evaluate(command):
    _model(command)
    command.add_argument(
        'folder', type=Path, metavar='DIR',
        help='with a folder for each class; or with val/, which has them')
    command.add_argument('--plot', type=Path, metavar='FILE',
                         help='draw there which classes are confused, such as confusion.png')
    _how(command)


def _add_export(command):
    _model(command)
    command.add_argument(
        '--onnx', action='store_true', help='write FOLDER/model.onnx (needs sotatrain[onnx])')
    command.add_argument(
        '--torch', action='store_true', help='write FOLDER/model.pt2, for torch.export.load')


def _add_demo(command):
    _model(command)
    command.add_argument('--port', type=int, default=7860, help='(default: 7860)')


def _model(command):
    command.add_argument(
        'model', type=Path, metavar='MODEL', help='a folder that `train --model` wrote')
    command.add_argument('--device', default='cpu', help='cpu, cuda or mps (default: cpu)')


def _how(command):
    command.add_argument(
        '--tta', action='store_true',
        help="merge the answers to several views: those of the recipe's tta, or mirror images")
    command.add_argument('--bs', type=int, default=64, metavar='N',
                         help='pictures at a time (default: 64)')


def _load(args):
    from .folder import load_model
    return load_model(args.model, args.device)


# predict

def predict(args):
    "Exit status 1 if a picture could not be read."
    from ..core.checks import whole
    whole('--top', args.top)
    whole('--bs', args.bs)
    model = _load(args)
    for stream in sys.stdin, sys.stdout: _take_any_name(stream)
    from .stream import predictions
    top = min(args.top, len(model.classes))
    write = _table(top) if args.csv else _line
    sources, bad, count = _files(args.sources), 0, _Count(not sys.stdout.isatty())
    for each in predictions(model, sources, args.bs, args.tta):
        if each.error: bad += _said(each)
        else: write(each.source, _best(model, each.probabilities, top))
        count.one_more()
    count.end()
    if not count.n: raise ValueError(f"{' '.join(args.sources)}: there are no pictures")
    if bad: print(f'{bad:,} of {count.n:,} pictures cannot be read', file=sys.stderr)
    return int(bad > 0)


def _files(sources):
    "Files one after the other; those in folders if their names are pictures'."
    from .stream import picture_files
    for source in sources:
        if source == '-': yield from (line.rstrip('\r\n') for line in sys.stdin if line.strip())
        elif Path(source).is_dir(): yield from picture_files(source)
        else: yield source


def _take_any_name(stream):
    "Names of files are bytes, and not all of them are text."
    if hasattr(stream, 'reconfigure'): stream.reconfigure(errors='surrogateescape')


def _best(model, probabilities, top):
    values, places = probabilities.topk(top)
    return [(model.classes[i], p) for i, p in zip(places.tolist(), values.tolist())]


def _line(source, best):
    print(f'{source}: ' + ', '.join(f'{name} {100 * p:.1f} %' for name, p in best))


def _table(top):
    out = csv.writer(sys.stdout, lineterminator='\n')
    numbers = ['', *(f'_{place}' for place in range(2, top + 1))]
    heads = ([f'class{n}', f'probability{n}'] for n in numbers)
    out.writerow(['file', *itertools.chain(*heads)])
    def write(source, best):
        pairs = ([name, f'{p:.6f}'] for name, p in best)
        out.writerow([source, *itertools.chain(*pairs)])
    return write


def _said(prediction):
    "A picture that cannot be read, beside the answers."
    sys.stdout.flush()
    print(f'sotatrain: {prediction.error}', file=sys.stderr)
    return 1


class _Count:
    "How many pictures are done, on a screen, where nothing else is written."
    def __init__(self, show=True):
        self.show, self.n, self.start = show and sys.stderr.isatty(), 0, time.perf_counter()
        self.shown = self.start

    def one_more(self):
        self.n += 1
        if self.show and time.perf_counter() - self.shown > .5: self._show()

    def _show(self):
        self.shown = time.perf_counter()
        rate = self.n / (self.shown - self.start)
        print(f'\r{self.n:,} pictures, {rate:,.0f} a second', end='', file=sys.stderr)

    def end(self):
        if self.show: print('\r' + 60*' ' + '\r', end='', file=sys.stderr)


# evaluate

DRAWN = '.png', '.svg', '.pdf'


def evaluate(args):
    "Exit status 1 if a picture could not be read."
    from ..core.cache import check_writable
    from ..core.checks import choice, whole
    whole('--bs', args.bs)
    if args.plot: choice(f'--plot {args.plot}, its ending', args.plot.suffix, DRAWN)
    if args.plot: check_writable(args.plot)
    model = _load(args)
    from . import evaluation
    count = _Count()
    found = evaluation.evaluate(model, args.folder, args.bs, args.tta, count.one_more)
    count.end()
    print(found)
    if args.plot: _plot(found, args.plot)
    for error in found.failed.values(): print(f'sotatrain: {error}', file=sys.stderr)
    if found.failed: print(f'{len(found.failed):,} of {count.n:,} pictures cannot be read',
                           file=sys.stderr)
    return int(bool(found.failed))


def _plot(found, file):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ..core.cache import new_file
    figure = Figure(layout='constrained')
    FigureCanvasAgg(figure)
    found.plot(figure.subplots())
    with new_file(file) as draft:
        figure.savefig(draft, format=file.suffix[1:], dpi=150)


# export and demo

def export(args):
    forms = {form: file for form, file in dict(onnx='model.onnx', torch='model.pt2').items()
             if getattr(args, form)}
    if not forms: raise ValueError(
        "say in which form: --onnx, for other programs, or --torch, for torch.export.load")
    model = _load(args)
    from .forms import export_model
    for form, file in forms.items(): print(export_model(model, args.model/file, form))


def demo(args):
    from .demo import page
    page(_load(args)).launch(server_port=args.port, inbrowser=True)
