"""Words of the glossary: what they mean, on a page of their own and where they come first."""
import re
from functools import partial
from typing import NamedTuple

from tools.pages import chinese
from tools.pages.catalogue import current, entries
from tools.pages.text import (
    LINKED,
    NO_PROSE,
    inline,
    link_chapters,
    link_numbers,
    outside,
    without_comments,
)

ENTRY = re.compile(r'(\w[^\n]*)\n: +([^\n]+)')


class Term(NamedTuple):
    spellings: list
    meaning: str      # Markdown
    anchor: str = ''  # on the glossary's page


def glossary(text) -> list:
    "The terms of a glossary: a line of spellings, then a line that begins with a colon."
    found = re.findall(ENTRY.pattern, without_comments(text), re.M)
    return [_term(words.split(', '), meaning) for words, meaning in found]


def _term(spellings, meaning):
    anchor = 'term-' + re.sub(r'\W+', '-', spellings[0].lower())
    return Term(spellings, meaning, anchor)


def in_chinese(text, blocks) -> list:
    """The terms that have an up-to-date Chinese entry, such as `准确率（accuracy）`.

    `blocks`: the Chinese entries, by their keys."""
    texts, found = entries(text), []
    for key, ours in current(texts, blocks).items():
        mine, theirs = (ENTRY.match(without_comments(both)) for both in (ours, texts[key]))
        if not (mine and theirs): continue
        words = re.sub('（.*?）', '', mine[1]).split('、')
        anchor = _term(theirs[1].split(', '), '').anchor
        found.append(Term([mine[1], *words], mine[2], anchor))
    return found


def as_list(terms, chinese_terms, stems):
    "A glossary as HTML: a list of definitions in both languages, with an anchor for each term."
    ours = {term.anchor: term for term in chinese_terms}

    def entry(term):
        meaning = link_chapters(link_numbers(term.meaning, stems))
        name_zh = meaning_zh = None
        if term.anchor in ours:
            name_zh, meaning_zh = ours[term.anchor].spellings[0], ours[term.anchor].meaning
            meaning_zh = link_chapters(chinese.link_numbers(meaning_zh, stems))
        name = chinese.both(', '.join(term.spellings), name_zh)
        return f'<dt id="{term.anchor}">{name}</dt><dd>{chinese.both(meaning, meaning_zh)}</dd>'
    return f"<dl class=\"glossary\">{''.join(map(entry, terms))}</dl>"


def explain(texts, terms):
    "Texts in which the first mention of each term shows its meaning, on hovering or focus."
    by_spelling = {word.lower(): term for term in terms for word in term.spellings}
    if not by_spelling: return list(texts)
    longest_first = sorted(by_spelling, key=len, reverse=True)
    seen = set()

    def change(found):
        term = by_spelling[found[0].lower()]
        if term.anchor in seen: return found[0]
        seen.add(term.anchor)
        meaning = inline(re.sub(LINKED, _words_of_link, term.meaning))
        return (f'<a class="term" href="glossary.html#{term.anchor}">{found[0]}'
                f'<span class="meaning" role="tooltip">{meaning}</span></a>')
    words = re.compile(_any_of(longest_first), re.I)
    return [outside(NO_PROSE, text, partial(words.sub, change)) for text in texts]


def _any_of(words):
    "A pattern: an English word does not stand in another one; Chinese has no such edges."
    english = [re.escape(word) for word in words if word.isascii()]
    chinese = [re.escape(word) for word in words if not word.isascii() and len(word) > 1]
    edged = [rf"(?<![a-z0-9_-])(?:{'|'.join(english)})(?![a-z0-9_-])"] if english else []
    return '|'.join([*chinese, *edged]) or '(?!)'  # Chinese first: it may begin in English


def _words_of_link(found): return re.match(r'!?\[(.*?)\]', found[0])[1]
