"""Is a Chinese text a translation of an English one? What a program can tell of it."""
import re
from collections import Counter
from functools import cache
from pathlib import Path

from tools.spans import SPAN

GLOSSARY = Path(__file__).resolve().parent.parent/'nbs'/'zh'/'glossary.txt'

FENCED = re.compile(r'^ *```([^\n]*)\n(.*?)^ *```', re.S | re.M)
CODE = re.compile(r'`[^`\n]+`')
FORMULA = re.compile(r'\$\$.*?\$\$|\$[^$\n]+\$', re.S)
LINK = re.compile(r'(!?)\[((?:!\[[^\]]*\]\([^)]*\)|[^\]])*)\]\(([^)\s]+)(?: "[^"]*")?\)')
COMMENT = re.compile(r'<!--.*?-->', re.S)
TAG = re.compile(r'</?[a-z][^>]*>')
REFERENCE = re.compile(r'(?<![a-zA-Z0-9_@])@(?:fig|eq|tbl)-[a-zA-Z0-9_-]+|\{[#.][^}]*\}')
NUMBER = re.compile(r'\d[\d,]*(?:\.\d+)?')
HAN = r'[\u4e00-\u9fff]'
TIGHT = re.compile(rf'{HAN} +[A-Za-z0-9`$]|[A-Za-z0-9`$%] +{HAN}')
HALF = re.compile(rf'{HAN}[,;:?!]|{HAN}\.(?!\w)|{HAN}\(|\){HAN}')
ITALIC = re.compile(rf'(?<![*\w])\*(?!\*)[^*\n]*{HAN}[^*\n]*\*(?!\*)')
NAMES = {'Mixup', 'CutMix', 'Doodlenette', 'Imagenette', 'Colab', 'fastai', 'PyTorch'}
SENTENCE = re.compile(r"(?:\b[A-Za-z][a-z'’]*\b[ ,]+){6,}")


def mistakes(english: str, chinese: str) -> list:
    "Sentences, each about something that the two do not share; none for a sound translation."
    found = [f'{name}: {told}' for name, of in SHARED.items()
             if (told := _difference(of(english), of(chinese)))]
    return found + _language(english, chinese) + _style(chinese) + _terms(english, chinese)


def _difference(mine, theirs):
    mine, theirs = Counter(mine), Counter(theirs)
    parts = [f'{what} {", ".join(map(str, (a - b).elements()))}'
             for what, a, b in (('lacks', mine, theirs), ('has beside', theirs, mine)) if a - b]
    return '; '.join(parts)


# What both sides share, piece by piece; each takes away what the ones before it found

def _without(text, *patterns):
    for pattern in patterns: text = pattern.sub(' ', text)
    return text


def _fenced(text):
    "Lines of code, comments aside; what is called text is words."
    blocks = [body for language, body in FENCED.findall(text) if language != 'text']
    lines = '\n'.join(blocks).splitlines()
    return [line for line in (re.sub(r'(^|\s)#.*', '', line).strip() for line in lines) if line]

def _codes(text): return CODE.findall(_without(text, FENCED))

def _formulas(text):
    "Words in them may be translated."
    inside = FORMULA.findall(_without(text, FENCED, CODE))
    return [re.sub(r'\\text\{[^}]*\}|\s', '', formula) for formula in inside]

def _links(text): return [target for _, _, target in _all_links(_without(text, FENCED))]

def _all_links(text):
    found = LINK.findall(text)
    return found + [inner for _, label, _ in found for inner in LINK.findall(label)]

def _references(text): return REFERENCE.findall(_without(text, FENCED, CODE))
def _tags(text): return TAG.findall(_without(text, FENCED, CODE, COMMENT, FORMULA))
def _spans(text): return [found[0].split('-->')[0] for found in SPAN.finditer(text)]


def prose(text):
    "What is left to read: no code, no formulas, no addresses, nothing that a tool writes."
    text = SPAN.sub(' ', _without(text, FENCED, CODE, FORMULA))
    text = LINK.sub(lambda found: f' {found[2]} ', LINK.sub(lambda f: f' {f[2]} ', text))
    return _without(text, COMMENT, TAG, REFERENCE)


LARGE = re.compile(r'(\d[\d,]*(?:\.\d+)?) ?(million|billion|万|亿)')
TIMES = {'million': 10**6, 'billion': 10**9, '万': 10**4, '亿': 10**8}


def _numbers(text):
    "1.28 million is 128万."
    def in_full(found): return f'{float(found[1].replace(",", "")) * TIMES[found[2]]:.0f}'
    return [n.replace(',', '') for n in NUMBER.findall(LARGE.sub(in_full, prose(text)))]


def _percents(text): return re.findall('%', prose(text))


SHARED = {
    'code': _fenced, 'words of code': _codes, 'formulas': _formulas, 'links': _links,
    'references': _references, 'HTML': _tags, 'numbers that a tool writes': _spans,
    'numbers': _numbers, 'percent signs': _percents}


# How it is written

def _language(english, chinese):
    read = prose(chinese)
    if not re.search(HAN, read):
        words = {*re.findall(r'[A-Za-z]{2,}', read)} - NAMES
        return ['it is not in Chinese'] if words else []
    found = SENTENCE.search(re.sub(r'[（(][^（()）]*[）)]|《[^》]*》', '', read))
    return [f'it is English here: {found[0].strip()}'] if found else []


def _style(chinese):
    spaced = COMMENT.sub('', FENCED.sub('', chinese))
    read = prose(chinese)
    rules = ((spaced, TIGHT, 'a space between Chinese and other signs'),
             (read, HALF, 'half-width punctuation behind Chinese'),
             (read, ITALIC, 'Chinese in italics'))
    return [f'{rule}: {found[0]}' for text, pattern, rule in rules
            if (found := pattern.search(text))] + [
        f'this is not bold; put the punctuation outside: **{words}**'
        for words in _open(spaced)]


MARKS = '，。：；？！、”）'
def _open(text):
    "Bold words next to whose mark a punctuation sign keeps CommonMark from seeing bold."
    for paragraph in text.split('\n\n'):
        parts = CODE.sub('code', paragraph).split('**')
        for words, after in zip(parts[1::2], parts[2::2]):
            if words[:1] in MARKS or words[-1:] in MARKS and re.match(r'\w', after): yield words


def _terms(english, chinese):
    read, theirs = f" {prose(english).lower()} ", prose(chinese)
    missing = [f'{term} is {" or ".join(ours)}' for term, ours in glossary().items()
               if re.search(rf'\b{re.escape(term)}s?\b', read)
               and not any(word in theirs for word in ours)]
    return [f'terms: {"; ".join(missing)}'] if missing else []


@cache
def glossary() -> dict:
    "From an English term to the Chinese ones that may stand for it."
    lines = GLOSSARY.read_text(encoding='utf-8').splitlines() if GLOSSARY.exists() else []
    pairs = (line.split('=') for line in lines if '=' in line and not line.startswith('#'))
    return {term.strip().lower(): [word.strip() for word in ours.split('/')]
            for term, ours in pairs}
