"""The book in Chinese, in step with the English one: `python -m tools.translate`.

There is one set of notebooks. nbs/zh/NN_name.md has the Chinese of their texts, a block for
each Markdown cell, and one for each option of a code cell that readers see. So do README.zh.md
(a block for each section), nbs/zh/glossary.md (for each term), and sotatrain/questions/zh/ (for
each question):

    <!-- cell 2f5a3211 en=3f9c12d4 zh=81ab03fe -->
    ## 混合两张图片

    <!-- cell 94e40e3f fig-cap en=0c11aa7e zh=5d20e6b1 -->
    同一张图片的四种裁剪。

`en` is a fingerprint of the English text that was translated, `zh` one of the translation. A
block whose English has changed is stale: its text is shown in English, with a marker, until
somebody has translated it again and had it checked:

    python -m tools.translate --new 06_tta      adds blocks that are missing, in English
    python -m tools.translate --accept 06_tta   checks all blocks, and writes the fingerprints
    python -m tools.translate --status          how much of each notebook is translated
    python -m tools.translate --write DIR       writes the Chinese notebooks that are not there

Names are those of notebooks, glossary, README, and questions/tta for chapter 6's questions."""
import argparse
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat

from tools.pages.catalogue import Block, english, entries, fingerprint, read, sections, write
from tools.pages.chapters import notebooks
from tools.pages.translated import translated
from tools.translation import mistakes

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
QUESTIONS = ROOT/'sotatrain'/'questions'


# What can be done with a catalogue

def with_new(texts, blocks):
    "Blocks for all texts, in their order; those that were missing hold the English."
    return {key: blocks.get(key) or Block(text) for key, text in texts.items()}


def accepted(texts, blocks, same=False):
    """The blocks with fingerprints of now, and what is wrong with those that are not accepted.

    `same`: where the English has changed and the Chinese has not, it need not."""
    found = {}
    for key, block in blocks.items():
        wrong = [] if key in texts else ['the English has no such text']
        if key in texts:
            unmoved = block.state(texts[key]) == 'stale' and block.zh == fingerprint(block.text)
            if unmoved and not same: wrong.append(
                'the English has changed and the Chinese has not; if it need not, say --same')
            wrong += mistakes(texts[key], block.text)
        if wrong: found[key] = wrong
        else: block.en, block.zh = fingerprint(texts[key]), fingerprint(block.text)
    return blocks, found


def gate(texts, blocks):
    "What is wrong with a catalogue, {key: reasons}; texts without a block are none of it."
    found = {}
    for key, block in blocks.items():
        state = block.state(texts[key]) if key in texts else 'unknown'
        wrong = [] if state == 'good' else [REASONS[state]]
        if key in texts: wrong += mistakes(texts[key], block.text)
        if wrong: found[key] = wrong
    return found


REASONS = {
    'unknown': 'the English has no such text',
    'new': 'it was never checked: --accept does so',
    'stale': 'the English has changed since it was translated',
    'edited': 'the Chinese has changed since it was checked: --accept does so'}


# From the shell

class Document(NamedTuple):
    "One that is read in both languages."
    name: str
    texts: dict  # in English, by their keys
    file: Path   # of the Chinese
    kind: str = 'text'

    @property
    def coverage(self):
        "(translated and up to date, all): numbers of texts."
        blocks = read(self.file)
        return sum(key in blocks and blocks[key].state(text) == 'good'
                   for key, text in self.texts.items()), len(self.texts)


def documents(names=()) -> list:
    "All, or those with these names. Raises `ValueError` for one that there is not."
    found = [Document(path.stem, english(nbformat.read(path, 4)), NBS/'zh'/f'{path.stem}.md',
                      'cell') for path in notebooks(NBS)]
    found += [Document('glossary', entries(_text(NBS/'glossary.qmd')), NBS/'zh'/'glossary.md'),
              Document('README', sections(_text(ROOT/'README.md')), ROOT/'README.zh.md')]
    found += [Document(f'questions/{path.stem}', sections(_text(path)),
                       path.parent/'zh'/path.name) for path in sorted(QUESTIONS.glob('*.md'))]
    unknown = {*names} - {document.name for document in found}
    if unknown: raise ValueError(f"no document is called {', '.join(sorted(unknown))}")
    return [document for document in found if not names or document.name in names]


def _text(file): return file.read_text(encoding='utf-8')


def main():
    args = arguments()
    try: chosen = documents(args.names)
    except ValueError as e: sys.exit(str(e))
    if args.write: return write_notebooks(args.write, chosen)
    failed = [document for document in chosen if not work_on(document, args)]
    if args.status:
        done, all_ = map(sum, zip(*(document.coverage for document in chosen)))
        print(f'{"all":22} {done:4} of {all_:4}')
    sys.exit(bool(failed))


def arguments():
    parser = argparse.ArgumentParser(prog='python -m tools.translate',
                                     description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', help='documents, such as 06_tta; all if not given')
    what = parser.add_mutually_exclusive_group(required=True)
    for name in 'new', 'accept', 'status': what.add_argument(f'--{name}', action='store_true')
    what.add_argument('--write', type=Path, metavar='DIR')
    parser.add_argument('--same', action='store_true',
                        help='accept where the English has changed and the Chinese need not')
    return parser.parse_args()


def work_on(document, args):
    "Whether nothing is wrong with it."
    name, texts, file, kind = document
    blocks, wrong = read(file), {}
    if args.new:
        file.parent.mkdir(exist_ok=True)
        write(file, with_new(texts, blocks), kind)
    if args.accept and blocks:
        blocks, wrong = accepted(texts, blocks, args.same)
        write(file, blocks, kind)
        for key, why in wrong.items(): print(f'{name}, {key}:', *why, sep='\n  ')
    if args.status: print('{:22} {:4} of {:4}'.format(name, *document.coverage))
    return not wrong


def write_notebooks(folder, documents):
    "Those that are not there: what a reader has run and changed stays. Pictures come along."
    folder.mkdir(parents=True, exist_ok=True)
    for name, _, file, kind in documents:
        if kind != 'cell' or (folder/f'{name}.ipynb').exists(): continue
        nb = nbformat.read(NBS/f'{name}.ipynb', 4)
        nbformat.write(translated(nb, read(file)), folder/f'{name}.ipynb')
    if not (folder/'images').exists(): shutil.copytree(NBS/'images', folder/'images')


if __name__ == '__main__': main()
