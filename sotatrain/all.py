"""All public names of the book's library: from sotatrain.all import *, after fastai's own.

Five names are fastai's too, and mean ours from then on: `CutMix`, `MixUp`, `Normalize`,
`LabelSmoothingCrossEntropy`, `one_hot`. If fastai's import is the later one, they silently mean
fastai's again. Where the order is not certain: import sotatrain.all as st, and st.MixUp.

Trained models as data are in sotatrain.deploy: its functions have names that fastai uses for
something else."""
from . import settings
from .data import *
from .doodlenette import CLASSES, doodlenette
from .presize import *
from .learner import *
from .experiment import *
from .normalize import *
from .resizing import *
from .tta import *
from .mixup import *
from .smoothing import *
from .sota import *
from .tables import *
from .transfer import *
from .questionnaire import answer_key, progress, question, questions, quiz
