"""What a cell shows of stored files alone: a comparison, or the questions of a chapter.

`make numbers` renews it without running the chapter."""
from nbformat.v4 import new_output

from sotatrain.experiment import stored_results
from tools.pages import quiz
from tools.pages.cells import lasting


def outputs_of(source) -> list:
    "Of a cell of this kind; None of any other."
    if call := quiz.CALL.match(source): return lasting(quiz.outputs(call[1]))
    if not source.startswith('stored_results('): return None
    found = eval(source, dict(stored_results=stored_results))
    data = {'text/html': found._repr_html_(), 'text/plain': str(found)}
    return [new_output('execute_result', data=data)]


def is_renewed(cell, outputs):
    "Whether it shows these already."
    return [out.get('data') for out in cell.outputs] == [out.data for out in outputs]
