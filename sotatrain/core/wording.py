"""Values in few words, for sentences about them."""
import textwrap

__all__ = ['reason', 'short', 'shown', 'listed']


def short(value) -> str:
    "A value's own representation, at most 60 characters of it; never an error."
    try: text = repr(value)
    except Exception: text = f'this {type(value).__name__}'
    return textwrap.shorten(text, 60, placeholder=' …')


def reason(error: Exception) -> str:
    """Why something failed, on one line: what ours, the system's and a wrong value's errors
    say; of any other, its kind and at most 120 characters of its text."""
    text = ' '.join(str(error).split())
    if isinstance(error, (ValueError, OSError)) and text: return text
    return ': '.join(filter(None, [type(error).__name__, textwrap.shorten(text, 120)]))


def shown(value) -> str:
    "Numbers with four digits; arrays and tensors as lists, at most 120 characters of them."
    if hasattr(value, 'tolist'): value = value.tolist()
    if isinstance(value, float): return f'{value:.4g}'
    if not isinstance(value, (list, tuple)): return short(value)
    return textwrap.shorten(f"[{', '.join(map(shown, value))}]", 120, placeholder=' …]')


def listed(args: tuple) -> str:
    "What a function is called with."
    return ', '.join(map(shown, args)) or 'no arguments'
