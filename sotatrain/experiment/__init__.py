"""How to know that a change helped: recipes, runs from several seeds, intervals."""
from ..core.docs import document
from ..core.lazy import door
from .comparison import Comparison, NotMeasured, stored_differences, stored_results
from .named import sota
from .recipe import Recipe
from .show import plot_differences
from .spread import Workers
from .statistics import Difference, paired_difference
from .store import Run, experiments, load_runs, results_folder

__all__ = [
    'Recipe', 'Run', 'Comparison', 'Difference', 'NotMeasured', 'SharedBatchNorm', 'Watch',
    'Workers',
    'compare', 'experiments', 'learner_of', 'load_runs', 'paired_difference',
    'plot_differences', 'register', 'results_folder', 'sota', 'stored_differences',
    'stored_results', 'train', 'trained_learner']


__getattr__, __dir__ = door(__name__, {  # what trains
    'Watch': '..core.watch', 'SharedBatchNorm': '.together', 'register': '.names',
    **dict.fromkeys(('compare', 'learner_of', 'train', 'trained_learner'), '.training')})

document(__name__)
