"""A page in a browser: drop a photograph, see probabilities, and where the reasons are."""
from importlib.util import find_spec

import torch

from ..core.docs import document
from ..presize import load_square
from .classifier import Classifier

__all__ = ['answer', 'page']


def page(
    model: Classifier,
):  # of gradio: `launch` shows it
    "Raises `ModuleNotFoundError` that says what to install."
    if not find_spec('gradio'): raise ModuleNotFoundError(
        "the page needs gradio: pip install 'sotatrain[demo]'")
    import gradio
    return gradio.Interface(
        lambda file: answer(model, file, gradio.Error),
        gradio.Image(type='filepath', label='a picture'),
        [gradio.Label(num_top_classes=5, label='probabilities'),
         gradio.Image(label='bright: where the first class was seen (Grad-CAM)')],
        title=model.about.name, flagging_mode='never', analytics_enabled=False,
        description=f"One of {len(model.classes)} classes: {', '.join(model.classes)}.")


def answer(
    model: Classifier,
    file: str,         # a picture's path, or None
    error=ValueError,  # what is raised for a file that is no picture
) -> tuple:            # probabilities by class, and a picture; both None without a file
    """What the page shows for a file, in which the model finds its colours, turn and depth.

    There is no picture if the network has no maps to look into."""
    if file is None: return None, None
    try: square, aspect = load_square(file, model.prepare.side)
    except (ValueError, OSError): raise error("this file is no picture that can be read"
                                              ) from None
    squares = torch.tensor(square[None], device=model.device)
    crop = model.prepare.crop(squares, torch.tensor([aspect], device=model.device))
    x = model.prepare.normalize(crop)
    with torch.inference_mode(): probabilities = model.answer(x)[0]
    return dict(zip(model.classes, probabilities.tolist())), _explained(model, x, crop)


def _explained(model, x, crop):
    "The crop, dark but where the network found its reasons for the class it answers."
    from ..transfer import grad_cam  # here: the commands that need no network stay quick
    try: heat = grad_cam(model.network, x)
    except ValueError: return None  # no maps
    heat = torch.nn.functional.interpolate(heat[:, None], crop.shape[2:], mode='bilinear')
    shown = crop * (.25 + .75*heat)
    return shown[0].mul(255).byte().permute(1, 2, 0).cpu().numpy()


document(__name__)
