"""Everything about the package stands in pyproject.toml, but for this: the wheel carries settings.ini, which the
repository keeps at the top, where its readers look for it."""
from pathlib import Path
from setuptools import setup
from setuptools.command.build_py import build_py


class WithSettings(build_py):
    def run(self):
        super().run()
        if not self.editable_mode: self.copy_file('settings.ini', str(Path(self.build_lib)/'sotatrain'/'settings.ini'))


setup(cmdclass={'build_py': WithSettings})
