"""A model in forms that need neither this library nor Python: `torch.export` and ONNX.

Both take what `Classifier.forward` takes: whole pictures, squished into squares of bytes, and
their aspect ratios. Crop, normalization and softmax are in the graph."""
import contextlib
import io
import logging
import warnings
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from ..core.cache import check_writable, new_file
from ..core.checks import as_path, choice
from ..core.docs import document
from ..core.wording import reason
from ..presize import load_square
from .classifier import NEAR, Classifier
from .samples import sample_pictures

__all__ = ['FORMS', 'export_model']

INPUTS, OUTPUT = ('squares', 'aspects'), 'probabilities'


def export_model(
    model: Classifier,
    file: Path,           # where it is written, or replaced
    form: str = 'torch',  # a name in `FORMS`: 'torch' for `torch.export`, or 'onnx'
) -> Path:                # `file`
    """Write a model as a graph, for any number of pictures at once. `file` appears when its
    probabilities are the model's to 1e-5, for pictures of every mode.

    Raises `ModuleNotFoundError` that says what to install for 'onnx', `OSError` where nothing
    can be written, and `ValueError` for a network that no graph can be made of."""
    choice('form', form, FORMS)
    write, read = FORMS[form]
    squares = sample_squares(model.prepare.side)
    check_writable(file := as_path('file', file))
    model = deepcopy(model).cpu()
    with new_file(file) as draft, _quiet():
        try: write(model, squares, draft)
        except (ImportError, OSError): raise
        except Exception as error: raise ValueError(
            f"{form} cannot make a graph of {model.about.name} ({reason(error)}): its network "
            "does what a graph cannot follow") from error
        _check_same(model, read(draft), form, squares)
    return file


def sample_squares(side: int) -> tuple:
    "Pictures of every mode as squares, with their aspect ratios."
    made = [load_square(picture, side) for picture in sample_pictures().values()]
    squares, aspects = zip(*made)
    return torch.from_numpy(np.stack(squares)), torch.tensor(aspects, dtype=torch.float32)


@torch.inference_mode()
def _check_same(model, run, form, squares):
    "Several pictures at once, and one alone."
    for part in squares, [t[:1] for t in squares]:
        difference = (run(*part) - model(*part)).abs().max().item()
        if not difference <= NEAR: raise ValueError(
            f"the probabilities of the {form} form differ from the model's by {difference:.2g}")


@contextlib.contextmanager
def _quiet():
    "Without what exporters say of their own work."
    with (warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()),
          contextlib.redirect_stderr(io.StringIO())):
        warnings.simplefilter('ignore')
        logging.disable(logging.WARNING)
        try: yield
        finally: logging.disable(logging.NOTSET)


def _shapes():
    any_number = {0: torch.export.Dim('n', min=1)}
    return {name: any_number for name in INPUTS}


# `torch.export`

def _write_torch(model, squares, file):
    with torch.no_grad():
        program = torch.export.export(model, squares, dynamic_shapes=_shapes(), strict=False)
    with open(file, 'wb') as out: torch.export.save(program, out)


def _read_torch(file):
    with open(file, 'rb') as content: return torch.export.load(content).module()


# ONNX

def _write_onnx(model, squares, file):
    needed = [name for name in ('onnx', 'onnxscript', 'onnxruntime') if not find_spec(name)]
    if needed: raise ModuleNotFoundError(
        f"ONNX needs {' and '.join(needed)}: pip install 'sotatrain[onnx]'")
    program = torch.onnx.export(
        model, squares, dynamo=True, dynamic_shapes=_shapes(), input_names=INPUTS,
        output_names=[OUTPUT], verbose=False)
    program.save(file)


def _read_onnx(file):
    import onnxruntime
    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    def run(*tensors):
        values = {name: tensor.numpy() for name, tensor in zip(INPUTS, tensors)}
        return torch.from_numpy(session.run([OUTPUT], values)[0])
    return run


FORMS = dict(torch=(_write_torch, _read_torch), onnx=(_write_onnx, _read_onnx))

document(__name__)
