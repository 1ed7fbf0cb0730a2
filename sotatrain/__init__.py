"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.core.convolution`: Faster gradients for convolutions on small feature maps, on a processor.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.experiment.store`: Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.
- `sotatrain.mixup`: Blend two pictures, and blend their labels in the same proportion: the network learns to be as sure as the picture allows."""

__version__ = "0.0.1"
