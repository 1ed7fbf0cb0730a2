"""The book in Chinese, in step with the English one: `python -m tools.translate`.

There is one set of notebooks. nbs/zh/NN_name.md has the Chinese of their texts, a block for
each Markdown cell, and one for each option of a code cell that readers see:

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
    python -m tools.translate --write DIR       writes the Chinese notebooks"""
import argparse
import json
import sys
from pathlib import Path

import nbformat

from tools.pages.catalogue import Block, current, english, fingerprint, read, write
from tools.pages.cells import OPTION
from tools.pages.chapters import notebooks
from tools.translation import mistakes

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
MARKER = '<span class="untranslated" lang="zh">（本段尚未翻译）</span>'


# What can be done with a catalogue

def with_new(texts, blocks):
    "Blocks for all texts, in their order; those that were missing hold the English."
    return {key: blocks.get(key) or Block(text) for key, text in texts.items()}


def accepted(texts, blocks, same=False):
    """The blocks with fingerprints of now, and what is wrong with those that are not accepted.

    `same`: where the English has changed and the Chinese has not, it need not."""
    found = {}
    for key, block in blocks.items():
        wrong = [] if key in texts else ['there is no such cell in the notebook']
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
    'unknown': 'there is no such cell in the notebook',
    'new': 'it was never checked: --accept does so',
    'stale': 'the English has changed since it was translated',
    'edited': 'the Chinese has changed since it was checked: --accept does so'}


def translated(nb, blocks):
    "The notebook in Chinese: code, outputs and figures are the same."
    ours = current(nb, blocks)
    for cell in nb.cells:
        if cell.cell_type == 'markdown' and cell.source.strip():
            cell.source = ours.get(cell.id) or f'{cell.source}\n\n{MARKER}'
        if cell.cell_type == 'code': _translate_options(cell, ours)
    return nb


def _translate_options(cell, ours):
    def line(found):
        name = found[1].split(':')[0]
        text = ours.get(f'{cell.id} {name}')
        return f'#| {name}: {json.dumps(text, ensure_ascii=False)}\n' if text else found[0]
    cell.source = OPTION.sub(line, cell.source)


# From the shell

def coverage(nb, blocks):
    "(translated and up to date, all): numbers of texts."
    texts = english(nb)
    return sum(block.state(texts[key]) == 'good' for key, block in blocks.items()
               if key in texts), len(texts)


def books(stems=()):
    "(stem, notebook, its catalogue) of all, or of these."
    for path in notebooks(NBS):
        if not stems or path.stem in stems:
            yield path.stem, nbformat.read(path, 4), NBS/'zh'/f'{path.stem}.md'


def main():
    parser = argparse.ArgumentParser(prog='python -m tools.translate',
                                     description=__doc__.splitlines()[0])
    parser.add_argument('stems', nargs='*', help='notebooks, such as 06_tta; all if not given')
    what = parser.add_mutually_exclusive_group(required=True)
    for name in 'new', 'accept', 'status': what.add_argument(f'--{name}', action='store_true')
    what.add_argument('--write', type=Path, metavar='DIR')
    parser.add_argument('--same', action='store_true',
                        help='accept where the English has changed and the Chinese need not')
    args, failed = parser.parse_args(), False
    for stem, nb, file in books(args.stems):
        blocks, texts = read(file), english(nb)
        if args.new: write(file, with_new(texts, blocks))
        if args.accept and blocks:
            blocks, wrong = accepted(texts, blocks, args.same)
            write(file, blocks)
            for key, why in wrong.items(): print(f'{stem}, cell {key}:', *why, sep='\n  ')
            failed = failed or bool(wrong)
        if args.status: print('{:20} {:4} of {:4}'.format(stem, *coverage(nb, blocks)))
        if args.write: nbformat.write(translated(nb, blocks), args.write/f'{stem}.ipynb')
    sys.exit(failed)


if __name__ == '__main__': main()
