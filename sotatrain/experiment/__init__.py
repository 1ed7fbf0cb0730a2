"""How to know that a change helped: recipes, runs from several seeds, intervals."""
from ..core.docs import document
from .comparison import Comparison, NotMeasured, stored_results
from .named import sota
from .recipe import Recipe
from .spread import Workers
from .statistics import Difference, paired_difference
from .store import Run, experiments, load_runs, results_folder

__all__ = [
    'Recipe', 'Run', 'Comparison', 'Difference', 'NotMeasured', 'SharedBatchNorm', 'Watch',
    'Workers',
    'compare', 'experiments', 'learner_of', 'load_runs', 'paired_difference', 'register',
    'results_folder', 'sota', 'stored_results', 'train', 'trained_learner']


def __getattr__(name):
    "What trains is imported when it is asked for: with fastai, that takes seconds."
    if name == 'Watch':
        from ..core.watch import Watch as found
    elif name == 'SharedBatchNorm':
        from .together import SharedBatchNorm as found
    elif name == 'register':
        from .names import register as found
    elif name in ('compare', 'learner_of', 'train', 'trained_learner'):
        from . import training
        found = getattr(training, name)
    else: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    globals()[name] = found
    return found


def __dir__(): return sorted({*globals(), *__all__})


document(__name__)
