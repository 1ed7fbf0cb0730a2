"""The questions of a chapter as its cell shows them, and in Chinese beside the English ones."""
import re
from functools import cache

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_output

from sotatrain.core.quiz import show

CALL = re.compile(r"^quiz\('(\w+)'\)", re.M)


def outputs_in_chinese(source) -> list:
    "What the quiz that a cell calls shows; nothing if it calls none, or none in Chinese."
    call = CALL.search(source)
    return outputs(call[1], 'zh') if call else []


def outputs(chapter, language='en') -> list:
    "What `quiz` shows; nothing if no question is in this language."
    from sotatrain.questionnaire import questions  # here: not each page needs it
    asked = questions(chapter, language)
    if not any(q.language == language for q in asked): return []
    InteractiveShell.instance()  # what can be captured needs one
    with capture_output() as captured: show(asked)
    return [new_output('display_data', data=output.data) for output in captured.outputs]


@cache
def in_chinese(source) -> str:
    "The same as HTML."
    return '\n'.join(map(_as_html, outputs_in_chinese(source)))


def _as_html(output):
    script = output.data.get('application/javascript')
    return f'<script>{script}</script>' if script else output.data['text/html']
