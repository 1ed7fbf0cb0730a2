"""The questions of a chapter in Chinese, as a page shows them beside the English ones."""
import re

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from sotatrain.core.quiz import show

CALL = re.compile(r"^quiz\('(\w+)'\)", re.M)


def in_chinese(source) -> str:
    "HTML of the quiz that a cell calls; '' if it calls none, or none that is translated."
    from sotatrain.questionnaire import questions  # here: not each page needs it
    call = CALL.search(source)
    asked = questions(call[1], 'zh') if call else []
    if not any(q.language == 'zh' for q in asked): return ''
    InteractiveShell.instance()  # what can be captured needs one
    with capture_output() as captured: show(asked)
    return '\n'.join(map(_as_html, captured.outputs))


def _as_html(output):
    script = output.data.get('application/javascript')
    return f'<script>{script}</script>' if script else output.data['text/html']
