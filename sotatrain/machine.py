"""What one has to know of a machine to compare its numbers with another's."""
import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ['conditions', 'processor']


def conditions(
    device,          # where the training took place
    precision: str,  # `'bf16'` or `'fp32'`
) -> dict:
    "Hardware, versions, the precision that was asked for, and the date (UTC)."
    import torch
    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else processor()
    versions = {package: _version(package) for package in ('sotatrain', 'torch', 'torchvision', 'fastai')}
    return dict(date=datetime.now(timezone.utc).isoformat(timespec='seconds'), device=name, cores=os.cpu_count(),
                threads=torch.get_num_threads(), precision=precision, system=platform.system(),
                versions={'python': platform.python_version()} | versions)

def _version(package):
    try: return version(package)
    except PackageNotFoundError: return None


def processor() -> str:
    "The processor's name, where the system tells it."
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(': ')[1] for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()
