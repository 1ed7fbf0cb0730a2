"""How to know that a change helped: recipes, runs from several seeds, and comparisons with intervals."""
from .recipe import *
from .store import Run, experiments, load_runs, results_folder
from .comparison import *
from .training import *
from ..core.watch import Watch
