"""What `tools.tables` and `tools.numbers` write, in Chinese."""
import re
from functools import cache

import nbformat

from tools import pages
from tools.pages import chinese

LINK = re.compile(r'^\[(.*)\]\((.*)\)$')

PHRASES = {
    r' to (?=[−+]?\d)': '至', r' points\b': '个百分点', r' ?\(([^()]*至[^()]*)\)': r'（\1）',
    ', ': '、', ' %': '%', r'\b(\d+) cores\b': r'\1核',
    'no difference shown': '未见差异', 'helps': '有帮助', 'hurts': '有害'}
# Parts of a cell, between commas
PARTS = {
    r'([\d,]+) pictures': r'\1张图片', r'(\d+) to (\d+) px × (\d+) epochs': r'\1至\2 px × \3轮',
    r'then (.*) epochs': r'再\1轮', r'(.*) epochs': r'\1轮',
    r'(\d+) seeds': r'\1个随机种子', r'(\d+) % wrong labels': r'\1%错误标签',
    r'tested at (\d+) px': r'用\1 px测试', r'crops from (\d+) %': r'从\1%起裁剪',
    r'(\d+) to (\d+) s': r'\1至\2秒',
    r'(\d+) s': r'\1秒', r'(\d+) of (\d+) runs': r'\2次中的\1次', r'(\d+) of (\d+)': r'\1/\2',
    r'(\d+) pictures choose': r'用\1张图片来选', r'best of (\d+)': r'\1次里最好的'}


def in_chinese(text):
    "What a span says; of a table, its cells."
    if text.startswith('\n\n|'): return re.sub(r'(?<=\|) (.*?) (?=\|)', _cell, text)
    if '\n' in text: return text
    for english, ours in PHRASES.items(): text = re.sub(english, ours, text)
    return text


def _cell(found):
    words, link = found[1], LINK.match(found[1])
    return f' [{_said(link[1])}]({link[2]}) ' if link else f' {_said(words)} '


def _said(words):
    if words in known(): return known()[words]
    if re.fullmatch(r'(?:[^a-zA-Z]|\bto\b)*', words): return in_chinese(words)
    parts = words.split(', ')
    said = list(map(_part, parts))
    return words if said == parts else '，'.join(said)


def _part(words):
    if words in known(): return known()[words]
    for english, ours in PARTS.items():
        if re.fullmatch(english, words): return re.sub(english, ours, words)
    return words


@cache
def known() -> dict:
    "Words of tables, and of chapters their titles and ideas: {English: Chinese}."
    nbs, found = pages.ROOT/'nbs', dict(chinese.words())
    book = {path.stem: nbformat.read(path, 4) for path in pages.notebooks(nbs)}
    chinese.attach(book, pages.translations(book, nbs))
    for stem, nb in book.items():
        chapter = pages.describe(stem, nb, True)
        ours = {chapter.title: chapter.chinese, chapter.idea: chapter.idea_chinese}
        found |= {words: said for words, said in ours.items() if said}
    return found
