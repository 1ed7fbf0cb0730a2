"""What a leaking split does to accuracy: `python -m bench.leak --data DIR` measures it.

The experiment of chapter 1, on photographs and for several seeds: one random split of all
pictures, a small network, and its accuracy on pictures it trained on and on pictures it has
never seen. Writes results/benchmarks/leak.json."""
import argparse

from fastai.vision.all import *

from bench.common import conditions, write
from sotatrain.all import *

SETTINGS = dict(arch='plain_net', size=32, bs=64, epochs=5, lr=6e-3, augmentation=None)


def trained_on(split, size, bs, epochs, lr, workers=2):
    "A small network after training on `split`, without augmentation."
    transforms = dict(after_item=[Resize(size), ToTensor], after_batch=IntToFloatTensor)
    dls = split.dataloaders(bs=bs, num_workers=workers, **transforms)
    model = plain_net(dls.c)
    learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, lr)
    return learn


def accuracy_on(learn, items):
    dl = learn.dls.test_dl(items, with_labels=True)
    with learn.no_bar(): return round(accuracy(*learn.get_preds(dl=dl)).item(), 4)


def accuracies(path, seed, size, bs, epochs, lr, **_):
    "Accuracy on as many trained-on pictures as there are unseen ones, and on these."
    set_seed(seed)
    split = presizing_block(path, size, size, splitter=None).datasets(path)
    learn = trained_on(split, size, bs, epochs, lr)
    seen = L(split.train.items).shuffle()[:len(split.valid)]
    found = dict(seen=accuracy_on(learn, seen), unseen=accuracy_on(learn, split.valid.items))
    return dict(seed=seed, **found, pictures=len(split.valid))


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
