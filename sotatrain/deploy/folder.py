"""A trained model as a folder: weights, one JSON file that says the rest, and a card."""
import tempfile
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

import torch
from fastai.vision.all import Learner, MultiCategorize
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ..core.cache import keep, new_folder, write_whole
from ..core.checks import as_path, optional
from ..core.content import data_identity
from ..core.docs import document
from ..core.machine import check_device, conditions
from ..core.split import half_of
from ..core.wording import reason
from ..experiment import names
from ..experiment.store import Run
from ..learner import make_model, seeded
from ..normalize import normalization
from ..presize import PresizedDL
from .about import (
    CARD,
    FACTS,
    LOADING,
    WEIGHTS,
    About,
    digest_of,
    is_pickle,
    licence,
    named_network,
    read_about,
    safe_network,
)
from .card import card
from .classifier import NEAR, Classifier
from .evaluation import Evaluation
from .samples import sample_pictures
from .stream import predictions

__all__ = ['check_model_folder', 'load_model', 'save_model', 'saver']

TTA = dict(views='flip', n=1, beta=.5)  # of a model whose recipe has none
LICENSES = dict(doodlenette='apache-2.0')  # of models whose data let us say so


# Writing

def save_model(
    learn: Learner,     # trained, its data from this library's `get_dls`
    folder: Path,       # where the model will be; there must be nothing, or an empty folder
    arch=None,          # what `make_learner` got, by name: `'xresnet18'` or `{'name': {…}}`;
                        # that of the run if not given
    run: Run = None,    # that trained it, for the card
    name: str = None,   # what the card calls it; the folder's name if not given
    license: str = None,  # such as 'cc-by-nc-4.0'; that of Doodlenette's data, or 'unknown'
) -> Classifier:        # as `load_model` reads it
    """Write a trained classifier as data: nothing in the folder is ever executed.

    It is scored on the learner's validation pictures, if it has any, in float32 and without
    test-time augmentation; and it is read again before the folder gets its name: for pictures
    of every mode its probabilities must be the learner's to 1e-5. Raises `ValueError` and
    `TypeError` for a learner that this cannot be done for, and what `check_model_folder`
    raises."""
    folder = check_model_folder(folder)
    dl = _loader(learn)
    if arch is None and run: arch = run.recipe.arch
    if arch is None: raise TypeError(
        "arch is missing: name the network, as in save_model(learn, folder, 'xresnet18')")
    about = dict(name=name or folder.name, arch=_without_loading(arch), size=dl.size,
                 side=dl.store.side, classes=_classes(learn), normalize=_statistics(dl),
                 augment=asdict(dl.augment), **_origin(learn, run))
    about['license'] = license or LICENSES.get(_source(about['data']), 'unknown')
    with new_folder(folder) as draft: return _write(learn, dl, draft, about, run)


def _write(learn, dl, folder, about, run):
    _save_weights(learn, folder/WEIGHTS)
    about = About(**about, weights=digest_of(folder/WEIGHTS))
    model = Classifier(_network(about, folder/WEIGHTS, 'the learner'), about)
    _check_same(learn, model)
    model.about = about = replace(about, measured=_measured(model, dl, run))
    write_whole(folder/FACTS, about.to_json())
    write_whole(folder/CARD, card(about))
    return model


def _save_weights(learn, file):
    state = {name: value.detach().cpu().contiguous().clone()  # networks may share tensors
             for name, value in learn.model.state_dict().items()}
    save_file(state, file, {'format': 'pt'})


def saver(
    recipe,               # a `Recipe` that will be carried out
    folder: Path,
    license: str = None,  # see `save_model`
):                        # a function of a learner and its run
    """`save_model` for `train(after=…)`. What can be known before a training run is checked
    now; if something fails after it, the weights are kept elsewhere, and the error says where.

    Raises `ValueError` and `OSError`."""
    folder = check_model_folder(folder)
    safe_network('arch', _without_loading(recipe.arch))
    optional(licence)('license', license)
    if recipe.loader != 'presized': raise ValueError(_OTHER_LOADER)
    def save(learn, run):
        try: save_model(learn, folder, run=run, license=license)
        except Exception as error:
            kept = keep(f'{folder.name}.safetensors', lambda file: _save_weights(learn, file))
            where = f'its weights are kept as {kept}' if kept else 'its weights are lost'
            raise OSError(f"{run}; but {folder} could not be written ({reason(error)}); {where}"
                          ) from error
    return save


def check_model_folder(folder: Path) -> Path:
    """The same, absolute, if a model can be written there.

    Raises `FileExistsError` for what is there, and other `OSError`s that name the way out."""
    folder = as_path('folder', folder).absolute()
    if folder.is_file() or folder.is_dir() and any(folder.iterdir()): raise FileExistsError(
        f"{folder} is there already: choose another name, or remove it")
    if not folder.parent.is_dir(): raise FileNotFoundError(
        f"{folder.parent} does not exist: make this folder, or choose another one")
    try: tempfile.TemporaryDirectory(dir=folder.parent, prefix='.model-').cleanup()
    except OSError as error: raise type(error)(
        f"{folder} cannot be made ({error.strerror}): choose another place") from None
    return folder


# What a learner says of its model

_OTHER_LOADER = ("a model's folder says how get_dls prepares pictures, and these are prepared "
                 "in another way: train with get_dls (loader='presized'), or use learn.export")


def _loader(learn):
    if not isinstance(learn, Learner): raise TypeError(
        f"{type(learn).__name__} is no Learner: give a trained one")
    dl = learn.dls.valid
    if not isinstance(dl, PresizedDL): raise TypeError(_OTHER_LOADER)
    return dl


def _classes(learn):
    "Of a learner whose network says one class for each picture."
    tfms = [tfm for tl in learn.dls.valid.dataset.tls for tfm in tl.tfms.fs]
    vocab = getattr(learn.dls, 'vocab', None)
    if vocab is None or any(isinstance(tfm, MultiCategorize) for tfm in tfms): raise ValueError(
        "a model's folder holds a classifier that gives each picture one class, and these data "
        "have numbers, or several labels: use learn.export")
    return [*map(str, vocab)]


def _without_loading(arch):
    "What was trained needs no weights from elsewhere."
    (name, arguments), = named_network(arch).items()
    kept = {k: v for k, v in arguments.items() if not k.startswith(LOADING)}
    return {name: kept} if kept else name


def _statistics(dl):
    tfm = normalization(dl)
    if tfm is None: return None
    return {name: torch.as_tensor(getattr(tfm, name)).flatten().tolist()
            for name in ('mean', 'std')}


def _origin(learn, run):
    "Recipe, data, hardware: of the run, or what the learner itself can tell."
    if run: return dict(
        recipe=run.recipe.to_dict(), seed=run.seed, data=run.data, conditions=run.conditions,
        tta=TTA if run.recipe.tta is None else run.recipe.tta)
    return dict(tta=TTA, data=_data(learn), conditions=conditions(learn.dls.device, 'fp32'))


def _data(learn):
    parts, root = dict(train=learn.dls.train, val=learn.dls.valid), learn.dls.valid.store.root
    files = {split: [*dl.dataset.items] for split, dl in parts.items()}
    facts = {split: len(items) for split, items in files.items()}
    if not facts['val']: return facts  # an exported learner
    among = [file for items in files.values() for file in items]
    contents = {f'{split}_content': data_identity(root, items, among=among)
                for split, items in files.items()}
    return dict(folder=root.name, **facts, **contents)


def _source(data): return str(data.get('folder')).split('-')[0]


# Checks of what was written

def _check_same(learn, model):
    "Raises `ValueError` if the folder's model does not answer as the learner does."
    samples = sample_pictures()
    expected = _answers(learn, [*samples.values()])
    found = torch.stack([p.probabilities for p in predictions(model, samples.values())])
    difference = (found - expected).abs().amax(1)
    if (difference <= NEAR).all(): return
    worst = [*samples][difference.argmax()]
    raise ValueError(
        f"the model's probabilities differ from the learner's by {difference.max():.2g} for a "
        f"picture of mode {worst}: a folder knows of Normalize and of a network's arguments; "
        f"look for other transforms ({learn.dls.valid.after_batch}), or use learn.export")


@torch.no_grad()
def _answers(learn, pictures):
    "The probabilities of the learner's network in float32, for pictures that its loader made."
    network = deepcopy(learn.model).cpu().float().eval()
    activation = getattr(learn.loss_func, 'activation', None) or torch.nn.Softmax(-1)
    with learn.no_bar():
        batches = [xb.cpu() for xb, *_ in learn.dls.test_dl(pictures)]
    return torch.cat([activation(network(xb.as_subclass(torch.Tensor))) for xb in batches])


def _measured(model, dl, run):
    "An `Evaluation` on the validation pictures that the recipe reports; None without any."
    report = run.recipe.report if run else 'all'
    places = [i for i, file in enumerate(dl.dataset.items)
              if report == 'all' or half_of(file) == report]
    if not places: return None
    found, labels = Evaluation(model.classes), dl.targets[0].as_subclass(torch.Tensor)
    for part in torch.tensor(places).split(64):
        squares = dl.squares(part.tolist())
        images = squares.images[squares.rows].cpu()
        with torch.inference_mode(): p = model(images, squares.aspects)
        found.add(p, labels[part])
    return found.to_dict() | dict(report=report)


# Reading

def load_model(
    folder: Path,   # that `save_model` wrote
    device='cpu',   # where it computes
) -> Classifier:
    """A trained model, ready to predict. Nothing of the folder is executed.

    Raises `FileNotFoundError` and `ValueError` that name the file, and the way out: for what is
    no such folder, a pickle, a file that is damaged, and weights that are another network's."""
    folder, device = as_path('folder', folder), check_device('device', device)
    about = read_about(folder)
    network = _network(about, folder/WEIGHTS)
    return Classifier(network.to(memory_format=torch.channels_last), about).to(device)


def _network(about, file, called=None):
    "The network with the weights of a file, which errors call `called`."
    called = called or file
    shapes = _shapes(file)
    if digest_of(file) != about.weights: raise ValueError(
        f"{called} was changed or damaged since it was written: get the folder again")
    _check_fit(about, shapes, called)
    network = _made(about, called)
    network.load_state_dict(load_file(file))
    return network


def _shapes(file):
    "The shapes in a file of weights, by name; no values are read."
    try:
        with safe_open(file, 'pt') as f:
            return {name: tuple(f.get_slice(name).get_shape()) for name in f.keys()}
    except SafetensorError as error:
        kind = ("is a pickle, and whoever wrote it can make it run any program: it is not read"
                if is_pickle(file) else
                f"is no file of safetensors, or a part of one is missing ({reason(error)})")
    raise ValueError(f"{file} {kind}; get the folder again")


def _check_fit(about, shapes, called):
    "Compare with the network that is named, without making room for its weights."
    try:
        with torch.device('meta'): made = _made(about, called)
    except (RuntimeError, NotImplementedError): made = _made(about, called)  # it needs numbers
    expected = {name: tuple(value.shape) for name, value in made.state_dict().items()}
    what = f"{called} does not fit {_described(about.arch)} with {len(about.classes)} classes"
    for name in sorted(expected.keys() ^ shapes.keys()):
        which = 'is missing' if name in expected else 'belongs to another network'
        raise ValueError(f"{what}: {name} {which}; name another arch")
    for name, shape in expected.items():
        if shapes[name] != shape: raise ValueError(
            f"{what}: {name} is {shapes[name]}, and should be {shape}; name another arch")


def _described(arch):
    (name, arguments), = named_network(arch).items()
    return f'{name} with {arguments}' if arguments else name


def _made(about, called):
    "An untrained network. Raises `ValueError` if no library has it, or not with these."
    try:
        with seeded(0):
            arch = names.make('arch', named_network(about.arch))
            return make_model(arch, len(about.classes))
    except (ValueError, TypeError, AssertionError) as error: raise ValueError(
        f"{called}: its network cannot be made ({reason(error)}); one of your own has to be "
        "registered first") from error


document(__name__)
