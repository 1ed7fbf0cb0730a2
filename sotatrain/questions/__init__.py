"""The questions of the book: a Markdown file for each chapter, and functions to judge code."""
# How to write them, for authors and translators.
#
#     ## mixup-target (number)
#
#     The question, in one paragraph or in several.
#
#     - [x] `0, 0.3, 0, 0.7`
#       - Why this is right.
#     - [ ] `0, 0.7, 0, 0.3`
#       - What to say to a reader who gives this wrong answer.
#
#     ### Hints
#
#     - A vague one first.
#     - Then a clearer one.
#
# A question begins with `##` and its id: the chapter's module, a dash and a name. Its kind
# follows in brackets; without one it is a choice. Each question ends with `### Hints`. What
# comes before the first question is for those who edit, and so are `<!-- comments -->`. Lines
# may be wrapped anywhere; an empty line begins a new paragraph.
#
# choice     Two or more options, one of them right (`[x]`), each with its reason below it.
# number     The right value in backquotes, or several with commas between; then traps, which
#            are wrong values. An answer may be off by 1 % or by 0.001, whichever is more. Other
#            limits are written behind the value: ± 2 %, or ± 0.1, or ± 2 % or 0.1.
# code       Under `### Solution`, in a block of Python, the function that a reader may write.
#            The list has mistakes that readers make, by a name in backquotes, and what to say
#            then. The functions are in the chapter's Python file, named after the question. For
#            mixup-code, `mixup_code` is right, `mixup_code_cases()` gives a list of the
#            arguments to try it with, and `mixup_code_swapped` makes the mistake `swapped`.
# free text  Under `### Points`, what a good answer has, as a list; under `### Answer`, such an
#            answer.
#
# `sotatrain.questionnaire` asks the questions. A file that is not understood is refused, with
# the line of each mistake. zh/ has them in Chinese: headings, ids, kinds, and what is in
# backquotes stay as they are, and the functions stay here. `python -m tools.translate` compares
# both. There, a paragraph is one line, as Chinese has no space that a new line could stand for.
import re
from importlib import import_module
from pathlib import Path

__all__ = ['FOLDER', 'read', 'title']

FOLDER = Path(__file__).parent
SECTIONS = {'choice': ['Hints'], 'number': ['Hints'], 'code': ['Solution', 'Hints'],
            'free text': ['Points', 'Answer', 'Hints']}
NUMBER = r'[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-−+]?\d+)?'


class Mistake(ValueError):
    "What is wrong with a question, and in which line."
    def __init__(self, line, text):
        super().__init__(text)
        self.line = line


def read(
    chapter: str,           # its module, such as `'mixup'`
    folder: Path = FOLDER,  # where `<chapter>.md` is
) -> list:
    """The questions of a chapter, each a dict with its kind and what that kind takes.

    Raises `ValueError` that names file, line and id of each question that is not understood."""
    file = Path(folder)/f'{chapter}.md'
    before, *parts = _split(_lines(file.read_text(encoding='utf-8')), '## ', in_code_too=True)
    found, wrong, lines_of_ids = [], [], {}
    for part in [[heading] for heading in _headings(before, '# ')] + parts:
        try: found.append(_question(chapter, part, lines_of_ids))
        except Mistake as mistake:
            place = f"{file.parent.name}/{file.name}, line {mistake.line}"
            wrong.append(f"{place}, {part[0][1].lstrip('# ')}: {mistake}")
    if wrong: raise ValueError('\n'.join(wrong))
    return found


def title(
    chapter: str,           # its module, such as `'mixup'`
    language: str = 'en',   # or `'zh'`; English where there is no Chinese file
) -> str:
    "What the chapter is about: what the first line of its file says behind the colon."
    translated = FOLDER/language/f'{chapter}.md'
    file = translated if translated.exists() else FOLDER/f'{chapter}.md'
    heading = re.search('^# .*?(?:: |：)(.*)$', file.read_text(encoding='utf-8'), re.M)
    return heading[1]


# --- lines, parts and paragraphs; a line is a pair of its number and its text

def _lines(text):
    "Numbered lines, without comments."
    joint = '\f'  # where a comment hides the end of a line
    def hidden(comment): return joint * comment[0].count('\n')
    text = re.sub('<!--.*?-->', hidden, text, flags=re.S)
    lines, n = [], 1
    for line in text.split('\n'):
        lines.append((n, line.replace(joint, '').rstrip()))
        n += 1 + line.count(joint)
    return lines


def _split(lines, mark, in_code_too=False):
    """Parts that begin with a line with this mark; the first part is what comes before it.

    A line in a block of code begins no part, if it is not asked for."""
    parts, in_code = [[]], False
    for n, line in lines:
        if line.startswith(mark) and (in_code_too or not in_code): parts.append([])
        if line.lstrip().startswith('```'): in_code = not in_code
        parts[-1].append((n, line))
    return parts


def _headings(lines, allowed):
    "The lines that are headings of any other kind."
    return [part[0] for part in _split(lines, '#')[1:] if not part[0][1].startswith(allowed)]


def _prose(lines):
    "Each paragraph in one line; lists and code as they are."
    blocks, in_code = [''], False
    for _, line in lines:
        fence = line.lstrip().startswith('```')
        if not in_code and (fence or not line): blocks.append('')
        if in_code or line.startswith('- '): blocks[-1] = f'{blocks[-1]}\n{line}'.lstrip('\n')
        else: blocks[-1] = f'{blocks[-1]} {line.strip()}'.strip()
        if fence: in_code = not in_code
    return '\n\n'.join(filter(None, blocks))


def _items(lines):
    "The items of a list, each with its own lines."
    before, *items = _split(lines, '- ')
    for n, line in before + [line for item in items for line in item[1:]]:
        if line and not (items and line.startswith('  ')):
            raise Mistake(n, f"{line!r} is in no item of a list: begin it with '- ', or with "
                             "two spaces below an item")
    return [[(n, line[2:]) for n, line in item] for item in items]


# --- a question

def _question(chapter, lines, lines_of_ids):
    (start, heading), *below = lines
    id, kind = _id_and_kind(chapter, start, heading)
    if id in lines_of_ids:
        raise Mistake(start, f"line {lines_of_ids[id]} has the same id, and ids are unique")
    lines_of_ids[id] = start
    _check_code_is_closed(below)
    for n, line in _headings(below, '### '): raise Mistake(n, f"unknown heading {line!r}")
    body, *parts = _split(below, '### ')
    texts = _sections(start, kind, parts)
    prompt, answers = _prompt_and_answers(body)
    if not prompt: raise Mistake(start, "it asks nothing: write the question below its id")
    return dict(kind=kind, id=id, chapter=chapter, prompt=prompt, hints=_list(texts['hints']),
                **KINDS[kind](chapter, id, start, answers, texts))


def _id_and_kind(chapter, line, heading):
    fits = re.fullmatch(rf'## ({chapter}-[a-z0-9-]+)(?: \((.+)\))?', heading)
    if not fits:
        raise Mistake(line, f"{heading!r} is no id: write '## {chapter}-name' for a choice, or "
                            f"'## {chapter}-name (number)'")
    id, kind = fits[1], fits[2] or 'choice'
    if kind not in KINDS:
        raise Mistake(line, f"no kind {kind!r}: choose one of {', '.join(KINDS)}")
    return id, kind


def _check_code_is_closed(lines):
    fences = [n for n, line in lines if line.lstrip().startswith('```')]
    if len(fences) % 2:
        raise Mistake(fences[-1], "a block of code is not closed: end it with ```")


def _sections(start, kind, parts):
    "The lines below each heading, by its name."
    texts = {}
    for (n, heading), *below in parts:
        name = heading[4:].strip()
        if name not in SECTIONS[kind]:
            known = ', '.join(SECTIONS[kind])
            raise Mistake(n, f"unknown heading {heading!r}: a {kind} has {known}")
        if name.lower() in texts: raise Mistake(n, f"a second heading {heading!r}")
        if not _prose(below): raise Mistake(n, f"nothing is below {heading!r}")
        texts[name.lower()] = below
    for name in SECTIONS[kind]:
        if name.lower() not in texts: raise Mistake(start, f"a {kind} needs '### {name}'")
    return texts


def _prompt_and_answers(lines):
    "The question, and its answers: line, whether it is right, text, and what to say, of each."
    prompt, *_ = _split(lines, '- [')
    return _prose(prompt), [_answer(item) for item in _items(lines[len(prompt):])]


def _answer(item):
    (start, first), *below = item
    mark, text = first[:4], first[4:]
    if mark not in ('[ ] ', '[x] '):
        raise Mistake(start, f"'- {first}': an answer begins with '- [ ] ' or with '- [x] '")
    text, *reasons = _split([(start, text), *below], '- ')
    if len(reasons) != 1:
        raise Mistake(start, f"{_prose(text)!r} has {len(reasons)} reasons: write one "
                             "below it, as in '  - Because …'")
    (reason,) = _list(reasons[0])
    return start, mark == '[x] ', _prose(text), reason


def _list(lines): return tuple(_prose(item) for item in _items(lines))


# --- what each kind needs besides

def _choice(chapter, id, start, answers, texts):
    if len(answers) < 2:
        raise Mistake(start, f"two options or more are needed, not {len(answers)}")
    options = tuple((text, why) for _, _, text, why in answers)
    return dict(options=options, right=_right(start, answers))


def _right(start, answers):
    "The place of the answer that is marked."
    places = [place for place, (_, right, *_) in enumerate(answers) if right]
    if not places: raise Mistake(start, "no answer is marked as right: mark one with [x]")
    if len(places) > 1:
        raise Mistake(answers[places[1]][0], "a second answer is marked as right: leave one")
    return places[0]


def _number(chapter, id, start, answers, texts):
    line, _, text, why = answers.pop(_right(start, answers))
    value, limits = _value(line, text)
    traps = tuple((_value(line, text)[0], hint) for line, _, text, hint in answers)
    return dict(answer=value, why=why, traps=traps, **limits)


def _value(line, text):
    "The number or the numbers in backquotes, and how far off an answer may be."
    fits = re.fullmatch(rf'`({NUMBER}(?:, *{NUMBER})*)`(?: ± (.+))?', text)
    if not fits: raise Mistake(line, f"{text!r} is no value: write `0.5`, or `0.2, 0.8`")
    values = tuple(float(part.replace('−', '-')) for part in fits[1].split(','))
    return values[0] if len(values) == 1 else values, _limits(line, fits[2]) if fits[2] else {}


def _limits(line, text):
    fits = re.fullmatch(rf'({NUMBER}) %(?: or ({NUMBER}))?|({NUMBER})', text)
    if not fits: raise Mistake(line, f"± {text!r}: write ± 2 %, or ± 0.1, or ± 2 % or 0.1")
    share, besides, absolute = (float(part or 0) for part in fits.groups())
    return dict(tolerance=share / 100, absolute=besides or absolute)


def _code(chapter, id, start, answers, texts):
    source = re.fullmatch(r'```python\n(.+)\n```', _prose(texts['solution']), re.S)
    if not source:
        line, _ = texts['solution'][0]
        raise Mistake(line, "a solution is one block of code that begins with ```python")
    name = id.replace('-', '_')
    mistakes = tuple((_function(line, chapter, f"{name}_{text.strip('`')}"), hint)
                     for line, _, text, hint in answers)
    return dict(answer=_function(start, chapter, name), source=source[1], mistakes=mistakes,
                cases=_function(start, chapter, f'{name}_cases'))


def _function(line, chapter, name):
    "From the chapter's Python file, which is loaded only for this."
    try: return getattr(import_module(f'{__name__}.{chapter}'), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise Mistake(line, f"no function {name!r} in {chapter}.py: {error}") from None


def _free_text(chapter, id, start, answers, texts):
    if answers: raise Mistake(answers[0][0], "a free text has no options to choose from")
    return dict(rubric=_list(texts['points']), answer=_prose(texts['answer']))


KINDS = {'choice': _choice, 'number': _number, 'code': _code, 'free text': _free_text}
