"""Several processes that train one network together: who is who, and what one tells the others.

`torchrun` and `accelerate launch` start them, and say so in their environment. Without either,
there is one process, and nothing here does anything."""
import atexit
import contextlib
import hashlib
import os
import pickle
from datetime import timedelta
from typing import NamedTuple

__all__ = [
    'Lost', 'Share', 'any_of', 'count', 'from_first', 'gathered', 'is_first', 'join',
    'last_words', 'losses_explained', 'portable', 'rank']

LAUNCHED = 'RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'
PATIENCE = timedelta(days=2)  # one may decode a whole data set, or score, while others wait


def count() -> int:
    "How many processes train together."
    if not all(name in os.environ for name in LAUNCHED): return 1
    return int(os.environ['WORLD_SIZE'])


def rank() -> int:
    "The number of this process, from 0."
    return int(os.environ['RANK']) if count() > 1 else 0


def is_first() -> bool: return rank() == 0


class Share(NamedTuple):
    "The part of each batch that one of several processes takes."
    rank: int = 0
    of: int = 1

    def places(self, n: int) -> list:
        """Its places in a batch of `n`, which all processes together have in this order. All
        have as many: where `n` does not suffice, the last place is there again, at the end."""
        if self.of == 1: return [*range(n)]
        each = -(-n // self.of)
        return [min(place, n - 1) for place in range(self.rank*each, (self.rank + 1)*each)]


# What they tell each other

_MET = []  # once they have: where all of them can leave a word


def join(device=None):
    """Meet the other processes, once; on a machine with several GPUs, each takes its own.

    Raises `ValueError` if there are fewer GPUs than processes, and `Lost`."""
    import torch
    if count() < 2 or _MET: return
    gpu = torch.cuda.is_available() and str(device or 'cuda').startswith('cuda')
    if gpu: _take_gpu(device)
    with losses_explained():
        store, *_ = next(torch.distributed.rendezvous('env://', timeout=PATIENCE))
        torch.distributed.init_process_group(
            'cpu:gloo,cuda:nccl' if gpu else 'gloo', store=store, rank=rank(),
            world_size=count(), timeout=PATIENCE)
    _MET.append(torch.distributed.PrefixStore('said', store))
    atexit.register(_leave)


def _take_gpu(device):
    import torch
    number, n = int(os.environ['LOCAL_RANK']), torch.cuda.device_count()
    if ':' in str(device): raise ValueError(
        f"device={str(device)!r} is one GPU, and each process takes its own: leave the number "
        "out")
    here = int(os.environ.get('LOCAL_WORLD_SIZE', number + 1))  # all have to raise
    if max(number + 1, here) > n: raise ValueError(
        f"this machine has {n} GPUs, and each process takes one: start {n} processes, or take "
        "the device 'cpu'")
    torch.cuda.set_device(number)


def from_first(make):
    "What `make()` gives in the first process, and an error there, in all of them."
    if count() < 2: return make()
    import torch
    made = error = None
    if is_first():
        try: made = make()
        except Exception as e: error = e
    box = [(made, error and portable(error))]
    with losses_explained(): torch.distributed.broadcast_object_list(box)
    made, other = box[0]
    if other is not None: raise error or other
    return made


def portable(error):
    "The error if it can travel to another process, or else what it says."
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception: return RuntimeError(f'{type(error).__name__}: {error}')


def gathered(value) -> list:
    "What each process has, by their numbers. All of them have to call this."
    if count() < 2: return [value]
    import torch
    found = [None] * count()
    with losses_explained(): torch.distributed.all_gather_object(found, value)
    return found


def any_of(*flags: bool) -> list:
    "Of each flag, whether any process has it set. All of them have to call this."
    if count() < 2: return [*flags]
    import torch
    flags = torch.tensor(flags, dtype=torch.uint8)
    with losses_explained():
        torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX)
    return [*map(bool, flags)]


def last_words(sentence: str):
    """What `sys.exit` gets after an error: the sentence, or 1 if another process has said the
    same. What goes wrong before they meet goes wrong in all of them."""
    # to leave as one should, it would have to wait for the others, and they for it
    atexit.unregister(_leave)
    return sentence if _is_new(sentence) else 1


def _leave():
    import torch
    torch.distributed.destroy_process_group()


def _is_new(sentence):
    if not _MET: return is_first()
    name = hashlib.sha256(sentence.encode('utf-8', 'surrogateescape')).hexdigest()
    try: return _MET[0].add(name, 1) == 1
    except Exception: return True  # nobody can be asked any more


class Lost(OSError):
    "Another process has died."


@contextlib.contextmanager
def losses_explained():
    "Inside, an error that tells of a process that has died is `Lost`, which says what to do."
    try: yield
    except Exception as error:
        if not _tells_of_a_loss(error): raise
        raise Lost(
            f"one of {count()} processes has died or was killed, and the others cannot go on; "
            "if it said why, that is above. Finished runs are kept: start the same command "
            "again") from error


def _tells_of_a_loss(error):
    "The errors of gloo have no class of their own."
    import torch
    if count() < 2: return False
    known = isinstance(error, getattr(torch.distributed, 'DistError', ()))
    return known or isinstance(error, RuntimeError) and 'gloo' in str(error).lower()
