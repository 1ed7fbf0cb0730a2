"""All public names of the book's library: `from sotatrain.all import *`, after fastai's own."""
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
from .questionnaire import answer_key, progress, question, questions, quiz
