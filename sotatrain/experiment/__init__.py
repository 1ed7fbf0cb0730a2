"""How to know that a change helped: recipes, runs from several seeds, intervals."""
from ..core.docs import document
from ..core.watch import Watch
from .comparison import Comparison, NotMeasured, stored_results
from .recipe import Recipe
from .statistics import Difference, paired_difference
from .store import Run, experiments, load_runs, results_folder
from .training import compare, learner_of, train, trained_learner

__all__ = [
    'Recipe', 'Run', 'Comparison', 'Difference', 'NotMeasured', 'Watch',
    'compare', 'experiments', 'learner_of', 'load_runs', 'paired_difference', 'results_folder',
    'stored_results', 'train', 'trained_learner']

document(__name__)
