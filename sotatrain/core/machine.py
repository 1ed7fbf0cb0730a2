"""What one has to know of a machine to compare its numbers with another's; and what to do when
its memory is full."""
import ctypes
import importlib.util
import os
import platform
import runpy
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = [
    'check_device', 'commit', 'conditions', 'explain_out_of_memory', 'has_gpu', 'processor']


def conditions(
    device,          # where the training run took place
    precision: str,  # `'bf16'` or `'fp32'`
) -> dict:
    "Hardware, versions, the precision that was asked for, and the date (UTC)."
    import torch
    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else processor()
    packages = 'sotatrain', 'torch', 'torchvision', 'fastai'
    return dict(
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        commit=commit(),
        device=name,
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        precision=precision,
        system=platform.system(),
        versions={'python': platform.python_version()} | {p: _version(p) for p in packages})

def commit() -> str:
    "Of the checkout that this library is in, with a `+` if files were changed; or None."
    def git(*words):
        place = Path(__file__).parent
        return subprocess.run(['git', *words], cwd=place, capture_output=True, text=True,
                              check=True, timeout=10).stdout.strip()
    try:
        if not git('ls-files', Path(__file__).name): return None  # a checkout of other things
        changed = git('status', '--porcelain', '--untracked-files=no', '..')
        return git('rev-parse', '--short=10', 'HEAD') + '+' * bool(changed)
    except (OSError, subprocess.SubprocessError): return None


def _version(package):
    try: return version(package)
    except PackageNotFoundError: return None


def processor() -> str:
    "The processor's name, where the system tells it."
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(': ')[1] for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def check_device(name, value):
    """The device that `value` names, on which PyTorch has computed something.

    Raises `ValueError` for one on which it cannot."""
    import torch
    try:
        torch.ones(1, device=value).sum().item()  # `meta` has no numbers
        return torch.device(value)
    except torch.OutOfMemoryError: raise  # it is there, and full
    except (RuntimeError, AssertionError, NotImplementedError, TypeError): pass
    there = dict(cpu=True, cuda=torch.cuda.is_available(),
                 mps=torch.backends.mps.is_available())
    raise ValueError(
        f"{name}={value!r}: PyTorch cannot compute on it here. "
        f"There is {' and '.join(name for name, is_there in there.items() if is_there)}")


def has_gpu() -> bool:
    """What `torch.cuda.is_available()` says. Where PyTorch is not imported yet, which takes
    seconds, its version and NVIDIA's driver are asked instead."""
    if 'torch' not in sys.modules and not _may_have_gpu(): return False
    import torch
    return torch.cuda.is_available()


def _may_have_gpu():
    built = _build_of_torch()
    return bool(built.get('hip')) or bool(built.get('cuda')) and _has_driver()


def _build_of_torch():
    "What PyTorch was built for: its version.py, which imports nothing of it."
    spec = importlib.util.find_spec('torch')
    if spec is None or not spec.origin: return {}
    return runpy.run_path(str(Path(spec.origin).with_name('version.py')))


def _has_driver():
    "Whether NVIDIA's driver is there: without one there is no GPU."
    try: ctypes.CDLL('nvcuda.dll' if platform.system() == 'Windows' else 'libcuda.so.1')
    except OSError: return False
    return True


def explain_out_of_memory(what: str):
    """In a notebook, show one sentence instead of a traceback when a GPU's memory is full:
    `what` should be lowered.

    Nothing else changes, and outside a notebook nothing at all. (A stored traceback would keep
    the tensors alive.)"""
    import torch
    from IPython import get_ipython
    if not (shell := get_ipython()): return
    def explain(shell, kind, error, trace, tb_offset=None):
        sentence = (f"The GPU's memory is full: lower {what}, and the rate with it; "
                    "then restart the kernel, and run the notebook again.")
        shell._showtraceback(kind, sentence, [f'{kind.__name__}: {sentence}'])
    shell.set_custom_exc((torch.cuda.OutOfMemoryError,), explain)
