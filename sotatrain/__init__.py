"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.core.convolution`: Faster gradients for convolutions on small feature maps, on a processor.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.experiment.store`: Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.
- `sotatrain.learner`: Train a network from random weights, choose its learning rate and batch size, and measure so that chance does not choose your techniques for you.
- `sotatrain.normalize`: Give every channel mean 0 and standard deviation 1: a network that starts from scratch can do without it, a trained one depends on it, and it has to travel with the model."""

__version__ = "0.0.1"
