"""What a leaking split does to accuracy: `python -m bench.leak --data DIR` measures it.

The experiment of chapter 1, on photographs and for several seeds: one random split of all
pictures, a small network, and its accuracy on pictures it trained on and on pictures it has
never seen. Writes results/benchmarks/leak.json."""
import argparse

from fastai.vision.all import *

from bench.common import conditions, write
from sotatrain.all import *
from sotatrain.core.convolution import QuickConvolutions
from sotatrain.core.threads import in_threads

SETTINGS = dict(arch='plain_net', size=32, bs=64, epochs=5, lr=6e-3, augmentation=None)


def decoded(part, size):
    "The pictures of `part`, small, with their classes: there is no augmentation."
    to_small = Pipeline([Resize(size), ToTensor(), IntToFloatTensor()], split_idx=1)
    def pair(i): return to_small(part[i][0]), part[i][1]
    return in_threads(pair, range(len(part)))


def trained_on(train, valid, classes, bs, epochs, lr):
    "A small network after training on pairs of pictures and classes."
    dls = DataLoaders.from_dsets(train, valid, bs=bs, num_workers=0, device=default_device())
    learn = Learner(dls, plain_net(classes), loss_func=CrossEntropyLossFlat(),
                    metrics=accuracy, cbs=QuickConvolutions())
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, lr)
    return learn


def accuracy_on(learn, pairs):
    dl = learn.dls.valid.new(pairs)
    with learn.no_bar(): return round(accuracy(*learn.get_preds(dl=dl)).item(), 4)


def accuracies(path, seed, size, bs, epochs, lr, **_):
    "Accuracy on as many trained-on pictures as there are unseen ones, and on these."
    set_seed(seed)
    split = presizing_block(path, size, size, splitter=None).datasets(path)
    train, valid = decoded(split.train, size), decoded(split.valid, size)
    learn = trained_on(train, valid, len(split.vocab), bs, epochs, lr)
    some = L(train).shuffle()[:len(valid)]
    found = dict(seen=accuracy_on(learn, some), unseen=accuracy_on(learn, valid))
    return dict(seed=seed, **found, pictures=len(valid))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette-160',
                        help='a data set name, or a folder with train/ and val/')
    parser.add_argument('--seeds', type=int, default=3)
    args = parser.parse_args()
    path = dataset(args.data)
    about = conditions(data=path.name, pictures=len(image_files(path)), **SETTINGS)
    rows = []
    for seed in range(args.seeds):
        rows.append(accuracies(path, seed, **SETTINGS))
        print(rows[-1], flush=True)
        write('leak', about, rows)


if __name__ == '__main__': main()
