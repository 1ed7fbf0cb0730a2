"""A page in a browser: drop a photograph, see probabilities."""
from importlib.util import find_spec

from ..core.docs import document
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
        gradio.Label(num_top_classes=5, label='probabilities'),
        title=model.about.name, flagging_mode='never', analytics_enabled=False,
        description=f"One of {len(model.classes)} classes: {', '.join(model.classes)}.")


def answer(
    model: Classifier,
    file: str,            # a picture's path, or None
    error=ValueError,     # what is raised for a file that is no picture
) -> dict:                # from classes to probabilities; None without a file
    "What the page shows for a file, in which the model finds its colours, turn and depth."
    if file is None: return None
    try: probabilities = model.predict(file)[0]
    except (ValueError, OSError): raise error("this file is no picture that can be read"
                                              ) from None
    return dict(zip(model.classes, probabilities.tolist()))


document(__name__)
