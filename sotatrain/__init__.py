"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.core.convolution`: Faster gradients for convolutions on small feature maps, on a processor.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.experiment.store`: Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.
- `sotatrain.resizing`: Train on small pictures first and on large ones at the end: most of what a network learns does not depend on their size.
- `sotatrain.smoothing`: Ask for a little less than certainty: 0.91 for the right class and 0.01 for each other one, instead of 1 and 0."""

__version__ = "0.0.1"
