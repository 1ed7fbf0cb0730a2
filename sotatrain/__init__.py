"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.core.convolution`: Faster gradients for convolutions on small feature maps, on a processor.
- `sotatrain.data`: Choose data on which an experiment takes two minutes, look at it, give every picture one size without spoiling it, and keep some back that the model never trains on.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.experiment.store`: Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.
- `sotatrain.settings`: The course's run profiles: how big a run is, and on which data."""

__version__ = "0.0.1"
