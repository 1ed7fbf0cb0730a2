"""How long a chapter takes to read: its words are counted, so that the cards of all agree.

Adults read about 240 words of English prose a minute, fewer in a second language (Brysbaert,
2019, https://doi.org/10.1016/j.jml.2019.104047). We count 200, since formulas and tables stand
between the words. Code and the solutions of exercises come on top."""
import re

import nbformat

PACE = 200  # words a minute
UNSEEN = re.compile(r'<!--.*?-->|<details>.*?</details>', re.S)


def minutes(notebook):
    "Of the prose of a notebook file: at least one."
    cells = nbformat.read(notebook, 4).cells
    prose = (UNSEEN.sub('', cell.source) for cell in cells if cell.cell_type == 'markdown')
    return max(1, round(sum(map(words, prose)) / PACE))


def words(text):
    "Without marks that stand alone, such as the frame of a table."
    return sum(any(map(str.isalnum, word)) for word in text.split())
