"""The glossary: a term with its spellings, a line of explanation, an empty line."""
import re
from pathlib import Path

NBS = Path(__file__).resolve().parents[2]/'nbs'
HEAD, _, BODY = (NBS/'glossary.qmd').read_text(encoding='utf-8').partition('\n\n> ')
ENTRIES = [entry.split('\n') for entry in BODY.strip().split('\n\n')[1:]]
CHAPTERS = {int(path.name[:2]) for path in NBS.glob('[0-9]*_*.ipynb')}


def test_each_entry_is_a_term_and_one_line_that_explains_it():
    assert len(ENTRIES) >= 50
    for term, explanation, *more in ENTRIES:
        assert not more and re.match(': [A-Z].*[.]$', explanation), term
        assert len(explanation.split()) <= 45, term


def test_each_entry_names_the_chapter_that_explains_it():
    for term, explanation in ENTRIES:
        chapter = re.search(r'See chapter (\d+)\.$', explanation)
        assert chapter and int(chapter[1]) in CHAPTERS, term


def test_terms_are_in_order_and_each_spelling_is_there_once():
    spellings = [word.strip() for term, _ in ENTRIES for word in term.split(',')]
    assert len(spellings) == len(set(spellings))
    words = [spelling.split(',')[0].lower() for spelling, _ in ENTRIES if spelling[0].isalpha()]
    assert words == sorted(words)
