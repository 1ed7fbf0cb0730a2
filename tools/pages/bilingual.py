"""Both languages in a notebook for Quarto: spans and divisions, of which one is shown."""
import json
import re

from nbformat.v4 import new_output

from tools.pages import chinese
from tools.pages.cells import KINDS, LABEL, OPTION, REFERENCE
from tools.pages.text import anchor_of

HEADING = re.compile(r'(#+) (.*?)(?: \{(#[\w.-]+)\})?$')
TITLE = re.compile(r'^# (.*)')
ZH = '{.zh lang=zh-Hans}'
# What stands in front of a number, which Quarto would write in English
NAMES = {kind: chinese.NAMES[f'{word} '] for kind, word in KINDS.items()}
CAPTIONS = 'fig-cap', 'tbl-cap', 'fig-subcap'


def bilingual(nb):
    "The notebook with the Chinese of its cells, `metadata.zh`, beside the English."
    for place, cell in enumerate(nb.cells):
        ours = cell.metadata.pop('zh', {})
        if cell.cell_type == 'code': _in_both_languages(cell, ours)
        elif '' in ours: cell.source = _below(cell.source, ours[''], is_first=not place)
    return nb


def _below(english, ours, is_first):
    "Paragraph by paragraph. The title stays English: it is in the window's frame as well."
    pairs = chinese.pairs(english, ours)
    if not is_first: return '\n\n'.join(_pair(*pair) for pair in pairs)
    (title, title_zh), *more = pairs
    said = [f'[{TITLE.match(title_zh)[1]}]{{.zh .title lang=zh-Hans}}'] if title_zh else []
    return '\n\n'.join([title, *said, *(_pair(*pair) for pair in more)])


def _pair(english, ours):
    if ours is None: return english
    ours, heading = _placed(ours), HEADING.match(english)
    if not heading or '\n' in english:
        return f'::: {{.en}}\n{english}\n:::\n\n::: {ZH}\n{ours}\n:::'
    level, title, anchor = heading.groups()
    title_zh = HEADING.match(ours)[2]
    return f'{level} [{title}]{{.en}} [{title_zh}]{ZH} {{{anchor or "#" + anchor_of(title)}}}'


def _placed(ours):
    "References without Quarto's English words; labels belong to the English text."
    def number(found): return f"{NAMES[found[1].partition('-')[0]]}[-@{found[1]}]"
    return LABEL.sub('', REFERENCE.sub(number, ours))


def _in_both_languages(cell, ours):
    def line(found):
        name = found[1].split(':')[0]
        if name not in CAPTIONS or name not in ours: return found[0]
        english = json.loads(found[1].partition(':')[2])
        both = _captions(english, ours[name])
        return f'#| {name}: {json.dumps(both, ensure_ascii=False)}\n'
    cell.source = OPTION.sub(line, cell.source)
    if 'quiz' in ours:
        html = f'<div class="zh quiz" lang="zh-Hans">{ours["quiz"]}</div>'
        cell.outputs.append(new_output('display_data', data={'text/html': html}))


def _captions(english, ours):
    if isinstance(english, list):
        return [_captions(*pair) for pair in zip(english, ours.split('\n\n'))]
    return f'[{english}]{{.en}} [{_placed(ours)}]{ZH}'
