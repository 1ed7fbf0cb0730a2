"""The Chinese of the book's texts, in files of blocks, such as nbs/zh/06_tta.md.

There is a block for each text: a Markdown cell of a notebook, an option of a code cell that
readers meet, a section of a Markdown file, an entry of the glossary. Each has a key."""
import hashlib
import re
from dataclasses import dataclass

from tools.pages.cells import options
from tools.spans import SPAN

# Options whose text readers meet; that of several pictures is a paragraph for each
SHOWN = 'fig-cap', 'tbl-cap', 'fig-alt', 'code-summary', 'fig-subcap'
HEAD = re.compile(r'^<!-- (?:cell|text) (?P<key>[\w-]+(?: [\w-]+)?)'
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


# The texts

def english(nb) -> dict:
    "The texts of a notebook, by their keys, in order."
    found = {}
    for cell in nb.cells:
        if cell.cell_type == 'markdown' and cell.source.strip(): found[cell.id] = cell.source
        if cell.cell_type != 'code': continue
        shown = options(cell)
        found |= {f'{cell.id} {name}': _text(shown[name]) for name in SHOWN if name in shown}
    return found


def _text(value): return value if isinstance(value, str) else '\n\n'.join(value)


def sections(text) -> dict:
    "The texts of a Markdown file: what comes first, then what `##` begins."
    first, *more = re.split(r'^(?=## )', text, flags=re.M)
    return {'top': first.strip()} | {_anchor(part): part.strip() for part in more}


def entries(text) -> dict:
    "The texts of a glossary: its title, then terms, each with the line that explains it."
    title, *more = [part.strip() for part in text.split('\n\n') if part.strip()]
    return {'top': title} | {_anchor(part): part for part in more}


def _anchor(text):
    "What a browser's address might call it: the words of its first line."
    return re.sub(r'[^a-z0-9]+', '-', text.partition('\n')[0].lower()).strip('-')


def read(file) -> dict:
    "The blocks of a catalogue, by their keys. Raises `ValueError` for one that is there twice."
    if not file.exists(): return {}
    _, *parts = HEAD.split(file.read_text(encoding='utf-8'))
    blocks = {}
    for key, en, zh, text in zip(*(parts[i::4] for i in range(4))):
        if key in blocks: raise ValueError(f"{file}: two blocks are of {key}: remove one")
        blocks[key] = Block(text.strip(), en, zh)
    return blocks


def write(file, blocks, kind='cell'):
    def head(key, block):
        marks = f' en={block.en} zh={block.zh}' if block.en else ''
        return f'<!-- {kind} {key}{marks} -->'
    parts = [f'{head(key, block)}\n{block.text}\n' for key, block in blocks.items()]
    file.write_text('\n'.join(parts), encoding='utf-8')


def current(texts, blocks) -> dict:
    "The Chinese texts whose English has not changed since, by their keys."
    return {key: block.text for key, block in blocks.items()
            if key in texts and block.state(texts[key]) in ('good', 'edited')}
