"""A notebook in Chinese: all but its texts and its quiz is that of the English one."""
import json

from tools.pages.catalogue import current, english
from tools.pages.cells import OPTION
from tools.pages.chinese import opened_in_chinese
from tools.pages.quiz import CALL, outputs_in_chinese

MARKER = '<span class="untranslated" lang="zh">（本段尚未翻译）</span>'


def translated(nb, blocks):
    "`blocks`: the Chinese texts, by their keys. Quizzes are asked in Chinese."
    ours = current(english(nb), blocks)
    for cell in nb.cells:
        if cell.cell_type == 'markdown' and cell.source.strip():
            cell.source = opened_in_chinese(ours.get(cell.id) or f'{cell.source}\n\n{MARKER}')
        if cell.cell_type == 'code': _translate_code(cell, ours)
    return nb


def _translate_code(cell, ours):
    def line(found):
        name = found[1].split(':')[0]
        text = ours.get(f'{cell.id} {name}')
        if name == 'fig-subcap' and text: text = text.split('\n\n')
        return f'#| {name}: {json.dumps(text, ensure_ascii=False)}\n' if text else found[0]
    if cell.outputs: cell.outputs = outputs_in_chinese(cell.source) or cell.outputs
    asked = CALL.sub(r"quiz('\1', language='zh')", cell.source)
    cell.source = OPTION.sub(line, asked)
