"""A page in a browser: drop a photograph, see probabilities, and where the reasons are."""
from importlib.util import find_spec

import torch
import torch.nn.functional as F

from ..core.docs import document
from ..presize import load_square
from .classifier import Classifier, Prepare

__all__ = ['answer', 'page']

SHOWN = 256  # px: the picture that shows where the reasons are


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
         gradio.Image(label='bright: where the first class was seen (Grad-CAM)', height=SHOWN)],
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
    taken = torch.tensor(square[None]), torch.tensor([aspect])
    x = model.prepare(*(values.to(model.device) for values in taken))
    with torch.inference_mode(): probabilities = model.answer(x)[0]
    return dict(zip(model.classes, probabilities.tolist())), _explained(model, x, taken)


def _explained(model, x, taken):
    "The crop, larger, and dark but where the network found its reasons for its answer."
    from ..transfer import grad_cam  # here: the commands that need no network stay quick
    try: heat = grad_cam(model.network, x).cpu()
    except ValueError: return None  # no maps
    crop = Prepare(SHOWN, model.prepare.side).crop(*taken)
    heat = F.interpolate(heat[:, None], (SHOWN, SHOWN), mode='bilinear')
    return (crop * (.25 + .75*heat))[0].mul(255).byte().permute(1, 2, 0).numpy()


document(__name__)
