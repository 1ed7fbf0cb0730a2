"""The Chinese of a notebook's texts: nbs/zh/NN_name.md, a block for each of them."""
import hashlib
import re
from dataclasses import dataclass

from tools.pages.cells import options
from tools.spans import SPAN

SHOWN = 'fig-cap', 'tbl-cap', 'fig-alt', 'code-summary'  # options whose text readers meet
HEAD = re.compile(r'^<!-- cell (?P<key>[\w-]+(?: [\w-]+)?)'
                  r'(?: en=(?P<en>\w+) zh=(?P<zh>\w+))? -->$', re.M)


@dataclass
class Block:
    "The Chinese of one text; fingerprints of both sides, if they were checked."
    text: str
    en: str = None
    zh: str = None

    def state(self, english):
        "What has happened to the two sides since they were checked."
        if self.en is None: return 'new'
        if self.en != fingerprint(english): return 'stale'
        return 'good' if self.zh == fingerprint(self.text) else 'edited'


def fingerprint(text):
    "Of a text; what a tool writes into it, such as a measured number, does not count."
    bare = SPAN.sub(lambda found: found[0].removesuffix(found['text'] + '<!-- / -->'), text)
    return hashlib.sha256(' '.join(bare.split()).encode()).hexdigest()[:8]


# Both sides of a notebook

def english(nb) -> dict:
    "The texts of a notebook, by their keys, in order."
    found = {}
    for cell in nb.cells:
        if cell.cell_type == 'markdown' and cell.source.strip(): found[cell.id] = cell.source
        if cell.cell_type != 'code': continue
        shown = options(cell)
        found |= {f'{cell.id} {name}': shown[name] for name in SHOWN if name in shown}
    return found


def read(file) -> dict:
    "The blocks of a catalogue, by their keys. Raises `ValueError` for one that is there twice."
    if not file.exists(): return {}
    _, *parts = HEAD.split(file.read_text(encoding='utf-8'))
    blocks = {}
    for key, en, zh, text in zip(*(parts[i::4] for i in range(4))):
        if key in blocks: raise ValueError(f"{file}: two blocks are of cell {key}: remove one")
        blocks[key] = Block(text.strip(), en, zh)
    return blocks


def write(file, blocks):
    def head(key, block):
        marks = f' en={block.en} zh={block.zh}' if block.en else ''
        return f'<!-- cell {key}{marks} -->'
    parts = [f'{head(key, block)}\n{block.text}\n' for key, block in blocks.items()]
    file.write_text('\n'.join(parts), encoding='utf-8')


def current(nb, blocks) -> dict:
    "The Chinese texts whose English has not changed since, by their keys."
    texts = english(nb)
    return {key: block.text for key, block in blocks.items()
            if key in texts and block.state(texts[key]) in ('good', 'edited')}
