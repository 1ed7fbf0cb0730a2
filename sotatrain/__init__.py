"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.core.convolution`: Faster gradients for convolutions on small feature maps, on a processor.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.experiment.store`: Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.
- `sotatrain.questionnaire`: Questions that tell you at once whether you are right, and if not, what to think of."""

__version__ = "0.0.1"
