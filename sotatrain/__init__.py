"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.core.convolution`: Faster gradients for convolutions on small feature maps, on a processor.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.experiment.store`: Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.
- `sotatrain.presize`: Read each picture from disk once, keep it as a small square, and make every crop after that with one matrix per picture and one interpolation.
- `sotatrain.tta`: Show the network several views of a picture and merge its answers: it costs a forward pass for each view, and no training."""

__version__ = "0.0.1"
