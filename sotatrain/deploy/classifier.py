"""A network with the preparation of its pictures: numbers in, probabilities out."""
import torch
from torch import Tensor, nn

from ..core.docs import document
from ..presize import Squares, resize_weights, square_windows
from ..tta import Pictures, merge_views
from .about import About
from .stream import predictions
from .views import Views

__all__ = ['Classifier', 'Prepare']

NEAR = 1e-5  # what rounding may change of a probability


class Prepare(nn.Module):
    "From stored squares to what a network sees, as `get_dls` prepares validation pictures."
    def __init__(self,
        size: int,              # side of the crops, px
        side: int,              # side of the squares, px
        normalize: dict = None,  # `mean` and `std` of each channel
    ):
        super().__init__()
        self.size, self.side, self.normalizes = size, side, normalize is not None
        for name, values in (normalize or {}).items():
            values = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(name, values, persistent=False)

    def crop(self,
        squares: Tensor,  # n × side × side × 3, uint8
        aspects: Tensor,  # n: true width / true height
    ) -> Tensor:          # n × 3 × size × size, float32 in [0, 1]
        "What `centre_crop` gives, in a form that `torch.export` can follow."
        side = self.side
        left, top, right, bottom = (side * square_windows(aspects)).unbind(1)
        across = resize_weights(left, right, side, self.size)
        down = resize_weights(top, bottom, side, self.size)
        lines = (down @ squares.float().flatten(2)).unflatten(2, (side, 3))
        pixels = lines.permute(0, 3, 1, 2) @ across[:, None].mT
        return (pixels / 255).clamp(0, 1)

    def normalize(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std if self.normalizes else x

    def forward(self, squares: Tensor, aspects: Tensor) -> Tensor:
        return self.normalize(self.crop(squares, aspects))


class Classifier(nn.Module):
    """A trained network that takes pictures and gives probabilities.

    `network` alone takes what `prepare` gives."""
    def __init__(self,
        network: nn.Module,
        about: About,
    ):
        super().__init__()
        self.network, self.about = network, about
        self.prepare = Prepare(about.size, about.side, about.normalize)
        self.eval()

    @property
    def classes(self) -> list: return self.about.classes

    @property
    def device(self): return next(self.network.parameters(), torch.empty(0)).device

    def forward(self,
        squares: Tensor,  # n × side × side × 3, uint8: whole pictures, squished
        aspects: Tensor,  # n: true width / true height
    ) -> Tensor:          # n × classes; rows sum to 1
        return self.answer(self.prepare(squares, aspects))

    def answer(self, x: Tensor) -> Tensor:
        "Probabilities for what `prepare` gives."
        return self.network(x).float().softmax(-1)

    @torch.inference_mode()
    def merged(self, squares: Tensor, aspects: Tensor, views: Views) -> Tensor:
        "The probabilities of several views, merged."
        plain = self.prepare.crop(squares, aspects)
        rows = torch.arange(len(squares), device=squares.device)
        pictures = Pictures(Squares(squares, rows, aspects.cpu()), plain, views.augment)
        crops = map(self.prepare.normalize, views.of(pictures))
        plain, others = _first_and_rest(map(self.answer, crops))
        return merge_views(plain, others, views.merge, views.beta)

    def predict(self,
        pictures,    # one picture, or several: paths, bytes, Pillow images, arrays, tensors
        tta=False,   # merge several views: True for the model's own, or parameters of `tta`
        bs: int = 64,  # pictures at a time
    ) -> Tensor:     # n × classes, in the order of the pictures; rows sum to 1
        """Probabilities. Raises `ValueError` that names a file for the first picture that
        cannot be decoded; `predictions` goes on without it."""
        if not _are_several(pictures): pictures = [pictures]
        found = []
        for each in predictions(self, pictures, bs, tta):
            if each.error: raise each.error
            found.append(each.probabilities)
        return torch.stack(found) if found else torch.empty(0, len(self.classes))


def _are_several(pictures):
    "An array with four dimensions, and what is no picture itself and can be iterated over."
    if hasattr(pictures, 'ndim'): return pictures.ndim == 4
    one = isinstance(pictures, (str, bytes, bytearray, memoryview)) or hasattr(pictures, 'read')
    return not one and hasattr(pictures, '__iter__')


def _first_and_rest(items):
    items = iter(items)
    return next(items), items


document(__name__)
