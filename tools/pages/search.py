"""What the search of the pages looks through."""
import json
import re

from tools.pages.text import plain

HEADING = re.compile(
    r'<h[123] [^>]*id="(?P<anchor>[^"]+)"[^>]*>(?P<title>.*?)</h[123]>'
    r'(?:\s*</div>\s*<div class="[^"]*zh"[^>]*>\s*<h[123][^>]*>(?P<zh>.*?)</h[123]>)?', re.S)


def sections(chapter, html):
    """What the search looks through, for each section of a page: address, its words, title of
    the page and of the section in English, and both in Chinese."""
    body = html.split('<main', 1)[1].split('</main>')[0].partition('>')[2]
    heads = list(HEADING.finditer(body))
    first = heads[0].start() if heads else len(body)
    ends = [head.start() for head in heads[1:]] + [len(body)]
    page = chapter.title, chapter.chinese or chapter.title
    found = [(chapter.href, plain(body[:first]), page[0], page[0], page[1], page[1])]
    for head, end in zip(heads, ends):
        title, ours = (_heading(words or '') for words in head.group('title', 'zh'))
        found.append((f'{chapter.href}#{head["anchor"]}', plain(body[head.end():end]),
                      page[0], title, page[1], ours or title))
    return found if found[0][1] or not heads else found[1:]


def _heading(words): return plain(words).removesuffix('¶').strip()


def script(index):
    "The sections of all pages, for the pages' own script."
    found = json.dumps(index, ensure_ascii=False).replace('</', '<\\/')
    return f'const BOOK = {found};\n'
