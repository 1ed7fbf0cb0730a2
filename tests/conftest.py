import pytest

from sotatrain.doodlenette import doodlenette


@pytest.fixture(autouse=True)
def no_choices_from_outside(monkeypatch):
    "A reader's own profile and data must not change what the tests see."
    for name in ('SOTATRAIN_PROFILE', 'SOTATRAIN_DATA'): monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    "Forty training and twenty validation pictures: a whole data set, drawn in a second. Not to be written to."
    return doodlenette(tmp_path_factory.mktemp('tiny')/'doodlenette', n_train=40, n_val=20, progress=False)
