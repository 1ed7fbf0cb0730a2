"""Questions on a page: choices to click, and hints and answers to unfold."""
import html
import random
import re

from .language import say

__all__ = [
    'QUIZ_COLOURS', 'QUIZ_STYLE', 'as_html', 'show', 'show_clickable',
    'show_folded']

# A question is white on dark blue, its feedback white on green or brown, whatever the paper of
# the page is, light or dark.
GREEN, BROWN = '#1b6e3c', '#a03c00'
QUIZ_COLOURS = {'--jq-multiple-choice-bg': '#224466',
                '--jq-text-color': '#fafafa',
                '--jq-correct-color': GREEN,
                '--jq-incorrect-color': BROWN}
QUIZ_STYLE = f'''<style>
.Quiz .Feedback:is(.correct, .incorrect) {{ color: #fff; padding: .5em .8em; font-size: 1rem;
  line-height: 1.4; text-align: left; border-radius: .3em; margin-top: .4em; }}
.Quiz .Feedback.correct {{ background: {GREEN}; }}
.Quiz .Feedback.incorrect {{ background: {BROWN}; }}
.Quiz .Feedback code {{ background: none; color: inherit; }}
.Quiz .MCButton:focus-within {{ outline: 3px solid #f0a030; outline-offset: 1px; }}
</style>'''


def show(
    questions: list,  # of any kind
):
    "Show choices that can be clicked, then the other questions."
    choices = [q for q in questions if q.kind == 'choice']
    clickable = choices if show_clickable(choices) else []
    show_folded([q for q in questions if q not in clickable])


def show_clickable(
    choices: list,  # questions of the kind `'choice'`
) -> bool:
    "Show choices that can be clicked. Without the library jupyterquiz: nothing, and False."
    try:
        from jupyterquiz import display_quiz
    except ImportError: return False
    if not choices: return True
    from IPython.display import HTML, display
    display(HTML(QUIZ_STYLE))
    before = random.getstate()
    # It names its elements at random: now the same in every run, and others for each language.
    random.seed(choices[0].id + choices[0].language.removeprefix('en'))
    try:
        display_quiz([_as_jupyterquiz(q) for q in choices], shuffle_answers=False,
                     max_width=760, colors=QUIZ_COLOURS)
    finally: random.setstate(before)
    return True


def _as_jupyterquiz(q):
    answers = [dict(answer=as_html(text), correct=place == q.right,
                    feedback=f"{'✔' if place == q.right else '✘'} {as_html(why)}")
               for place, (text, why) in enumerate(q.options)]
    asked = f'{as_html(q.prompt)} <small>({q.id})</small>'
    return dict(question=asked, type='multiple_choice', answers=answers)


def show_folded(
    questions: list,  # of any kind
):
    "Show questions, with hints and solutions that can be unfolded."
    from IPython.display import HTML, display
    display(HTML('\n'.join(map(_folded, questions))))


def _folded(q):
    parts = [(say(q.language, 'Hint {}', i + 1), hint) for i, hint in enumerate(q.hints)]
    parts.append((say(q.language, 'Answer'), str(q.solution())))
    folds = ''.join(f'<details><summary>{name}</summary>{as_html(text)}</details>'
                    for name, text in parts)
    return (f'<div class="question"><p><strong>{q.id}</strong></p>{as_html(q.prompt)}'
            f'<pre>question({q.id!r}).check(…)</pre>{folds}</div>')


def as_html(text: str) -> str:
    """Markdown as HTML, as much of it as questions use.

    These are paragraphs, lists, `code`, blocks of it, *stress* and **strong stress**. The
    library depends on nothing that could do it."""
    blocks = []
    for i, part in enumerate(re.split(r'```\w*\n(.*?)\n?```', text.strip(), flags=re.S)):
        is_code = i % 2  # every other part was between fences
        if is_code: blocks.append(('pre', html.escape(part)))
        else: blocks += map(_block, filter(str.strip, part.split('\n\n')))
    if [kind for kind, _ in blocks] == ['p']: return blocks[0][1]
    return ''.join(f'<{kind}>{inside}</{kind}>' for kind, inside in blocks)


def _block(text):
    if not text.lstrip().startswith('- '): return 'p', _inline(text.strip().lstrip('> '))
    items = re.split(r'\n- ', text.strip()[2:])
    return 'ul', ''.join(f'<li>{_inline(item)}</li>' for item in items)


def _inline(text):
    text = re.sub(r'`([^`]+)`', r'<code>\1</code>', html.escape(text, quote=False))
    text = re.sub(r'\*\*([^*]+)\*\*', r'<strong>\1</strong>', text)
    return re.sub(r'(?<![\w*])\*([^*]+)\*(?![\w*])', r'<em>\1</em>', text)
