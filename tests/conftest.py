import signal

import pytest

from sotatrain.doodlenette import doodlenette

# What a shell starts in the background (`make test &`) ignores Ctrl-C, which some tests try.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_choices_from_outside(monkeypatch):
    "A reader's own profile, data, results and language must not change what the tests see."
    for name in ('PROFILE', 'DATA', 'RESULTS', 'LANGUAGE'):
        monkeypatch.delenv(f'SOTATRAIN_{name}', raising=False)


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """Forty training and twenty validation pictures: a whole data set, drawn in a second.
    Not to be written to."""
    folder = tmp_path_factory.mktemp('tiny')/'doodlenette'
    return doodlenette(folder, n_train=40, n_val=20, progress=False)


@pytest.fixture(scope='session')
def shared_cache(tmp_path_factory): return tmp_path_factory.mktemp('cache')


@pytest.fixture
def own_cache(shared_cache, monkeypatch):
    "One cache for all tests that ask for it: the pictures of their recipes are drawn already."
    monkeypatch.setenv('SOTATRAIN_CACHE', str(shared_cache))
    doodlenette(n_train=20, n_val=10, progress=False)


@pytest.fixture
def tiny_network(monkeypatch):
    "Runs of a fraction of a second, whatever network a recipe asks for."
    from sotatrain.experiment import training  # here: most tests need no fastai
    from tests.networks import Net
    make = training.make_learner
    monkeypatch.setattr(
        training, 'make_learner',
        lambda dls, arch, *args, **kwargs: make(dls, Net, *args, **kwargs))


@pytest.fixture
def registered(monkeypatch):
    "The network of `trained`, by the name that its folder has."
    from sotatrain.experiment.own import OWN
    from tests.library.models import NAME
    from tests.networks import Net
    monkeypatch.setitem(OWN, NAME, Net)


@pytest.fixture(scope='session')
def trained(tiny, tmp_path_factory):
    """A learner, and the folder of its model, which needs `registered` to be loaded. Not to be
    changed."""
    from sotatrain.deploy import save_model
    from sotatrain.experiment.own import OWN
    from tests.library.models import NAME, tiny_learner
    from tests.networks import Net
    folder = tmp_path_factory.mktemp('models')/'tiny'
    OWN[NAME] = Net
    try:
        learn = tiny_learner(tiny)
        save_model(learn, folder, NAME)
    finally: del OWN[NAME]
    return learn, folder
