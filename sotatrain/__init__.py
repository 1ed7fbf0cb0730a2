"""Training a State-of-the-Art Model: an executable book, and the tested library it exports

Modules:

- `sotatrain.doodlenette`: Doodlenette: the ten classes of Imagenette drawn by code, for readers without a network."""

__version__ = "0.0.1"
