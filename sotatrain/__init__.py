"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.all`: All public names of the book's library: from sotatrain.all import *, after fastai's own.
- `sotatrain.core.antialias`: Windows that become much smaller, without jagged edges.
- `sotatrain.core.checks`: Checks of values; each raises an error that names the value, the rule, and the way out.
- `sotatrain.core.content`: What data are, wherever they are: an identity from names and contents of files.
- `sotatrain.core.convolution`: Faster convolutions in training, on a processor: on small feature maps, and depthwise ones.
- `sotatrain.core.docs`: Comments beside parameters, for `help()`: `document(__name__)` ends a module.
- `sotatrain.core.pictures`: What a picture is: by its file's name, and as the one way from anything to a Pillow image.
- `sotatrain.core.pretrained`: Weights that somebody else trained: found without a network, checked, and loaded by name or, where names differ, by order.
- `sotatrain.core.processes`: Several processes that train one network together: who is who, and what one tells the others.
- `sotatrain.core.resume`: The state of a learner in the middle of a fit, and how to go on from there: with the same weights, bit for bit on a processor, as a fit that was never interrupted.
- `sotatrain.core.stage`: A stage of a training run: epochs with pictures of one size.
- `sotatrain.core.store`: A folder with one array of decoded pictures, and facts about them.
- `sotatrain.data`: Choose data on which an experiment takes two minutes, look at it, give every picture one size without spoiling it, and keep some back that the model never trains on.
- `sotatrain.deploy.about`: What one has to know of a model beside its weights: one JSON file, read without PyTorch.
- `sotatrain.deploy.forms`: A model in forms that need neither this library nor Python: `torch.export` and ONNX.
- `sotatrain.doodlenette.dataset`: A picture of Doodlenette, composed as a photograph is, and a data set of them.
- `sotatrain.doodlenette.tiles`: Tiles of a landscape from above, each with several labels, drawn by code.
- `sotatrain.experiment.recipe`: A recipe: all that decides how a run goes but its seed, easy to store and to compare.
- `sotatrain.experiment.runs`: The folder of a run, with which it survives Ctrl-C, SIGTERM, `kill -9`, a full disk and a lost machine: at most the time since the last checkpoint is lost.
- `sotatrain.experiment.store`: Measured runs as files, one JSON file a run: `<experiment>/<recipe's stem>-seed<n>.json`.
- `sotatrain.experiment.together`: One run in several processes, each with a share of every batch.
- `sotatrain.learner`: Train a network from random weights, choose its learning rate and batch size, and measure well enough to tell a gain from a lucky seed.
- `sotatrain.mixup`: Blend two pictures, and blend their labels in the same proportion: then no answer is quite certain any more.
- `sotatrain.normalize`: Give every channel mean 0 and standard deviation 1: from scratch, only very short runs clearly gained; a trained network depends on it, and it has to travel with the model.
- `sotatrain.presize`: Read each picture from disk once, keep it as a small square, and cut every random crop from it with one matrix and one interpolation.
- `sotatrain.questionnaire`: Questions that tell you at once whether you are right, and if not, what you may have overlooked.
- `sotatrain.resizing`: Train on small pictures first and on large ones at the end: most of what a network learns does not depend on their size.
- `sotatrain.settings`: The course's run profiles: how big a run is, and on which data.
- `sotatrain.smoothing`: Ask for a little less than certainty: 0.91 for the right class and 0.01 for each other one, instead of 1 and 0.
- `sotatrain.sota`: Spend fewer operations on each picture, and show the network more pictures: a plain network, and what the winners use, measured part by part.
- `sotatrain.tables`: Most data come with a table and not with folders: read it with suspicion, split it so that nothing leaks, and choose the measure before you look at the result.
- `sotatrain.transfer`: Start from a network that somebody else trained: keep what it knows about pictures, and teach it your classes.
- `sotatrain.tta`: Show the network several views of a picture and merge its answers: it costs a forward pass for each view, and no training."""

__version__ = "0.0.1"
