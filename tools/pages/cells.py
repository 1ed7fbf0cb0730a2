"""Cells of a notebook: their options, what has a number, and what a page shows of them."""
import re
from itertools import chain, zip_longest

import yaml
from nbformat.v4 import new_output

from tools.pages import chinese, text

KINDS = {'fig': 'Figure', 'eq': 'Equation', 'tbl': 'Table'}
OPTION = re.compile(r'^#\|\s?(.*)\n?', re.M)
STYLE = re.compile(r'<style>.*?</style>', re.S)
CARD = re.compile(r'^- \*\*What:\*\*', re.M)
WIDGET = 'application/vnd.jupyter.widget-view+json'
LABEL = re.compile(r'\{#((?:fig|eq|tbl)-[\w-]+)\}')
REFERENCE = re.compile(r'(?<![a-zA-Z0-9_@])@((?:fig|eq|tbl)-[a-zA-Z0-9_-]+)')
WRITTEN = re.compile(r'<!-- table: (\w+) -->\n\n.*?\n(?=\n<!-- / -->)', re.S)
STORED = re.compile(r"^stored_results\(\s*'([\w-]+)'([^#]*?)(?:,\s*speed=True)?\)", re.M | re.S)

# Of the tables of measurements that tools/tables.py writes.
CAPTIONS = {
    'results':
        'Recipes trained on photographs, each with and without what the line is about.',
    'leak':
        'Accuracy on photographs that were trained on, and on others like them, seed by seed.',
    'loaders':
        'Pictures a second of each loader; in brackets, as a multiple of the `DataBlock`.',
    'tta':
        'Three networks, four ways to predict: seconds for all photographs, and accuracy.',
    'doodlenette':
        'Accuracy on the drawings, seed by seed.',
    'leaderboard':
        'The recipes that have a name: accuracy on the reported half, and what a run takes.',
    'split':
        'Accuracy on photographs that were held back at random and by sender, ten splits each.',
    'rare':
        'Three rare classes of eight; mean and standard deviation over ten splits by sender.',
    'thresholds':
        'Satellite tiles, ten times: thresholds were chosen on one quarter of the tiles, and '
        'scored on another.',
    'parts':
        'What each part is worth: with it against without it. A lower log loss is better.',
    'noise':
        'Suspects among 9,469 photographs, by last layers on features: one division into four '
        'parts, with 95 % intervals.',
    'retrained':
        'Imagenette, with 25 % of the training labels wrong: accuracy on the reported half, '
        'whose labels are right; three seeds.',
    'transfer':
        'The Oxford flowers at two sizes, three seeds: accuracy on 1,020 photographs, and '
        'seconds with one thread, answers included.',
    'few':
        'The Oxford flowers at 128 px with fewer photographs to train on, three seeds.',
    'views':
        'Last layers on four random views of each picture, at 128 px, by subject.',
    'sizes':
        'Last layers trained at each size, tested at their own size, and at 224 px.',
    'batches':
        'A last layer on the Oxford flowers: accuracy, %, after 20 epochs in batches of each '
        'size; five seeds.',
    'strength':
        'Two networks after twenty epochs, with stronger augmentation and without it. The last '
        'line compares the two differences.',
    'agreement':
        'The comparisons that are scored on the reported half: where their interval leaves out '
        '0, among the answers of the same networks.',
    'optimism':
        'What the best of several tries seems to gain over the average, less what it gains on '
        'other pictures.'}


def options(cell):
    "A code cell's option lines as a dict; nbdev's bare directives are keys without a value."
    lines = OPTION.findall(cell.source) if cell.cell_type == 'code' else []
    found = {}
    for line in filter(str.strip, lines):
        found |= yaml.safe_load(line) if ': ' in line else {line.split()[0]: True}
    return found


def tags(cell): return cell.metadata.get('tags', [])


def caption_results(chapters):
    """Give stored comparisons a label and a caption where they have none; {stem: notebook}.

    The first one of an experiment is `tbl-<experiment>`, a later one has a number behind that,
    over the whole book: so a table can be cited and linked."""
    counts = {}
    for nb in chapters.values():
        for cell in nb.cells:
            found = STORED.search(cell.source) if cell.cell_type == 'code' else None
            if not found or 'label' in options(cell): continue
            experiment = found[1]
            counts[experiment] = counts.get(experiment, 0) + 1
            again = f'-{counts[experiment]}' if counts[experiment] > 1 else ''
            caption, ours = _captions(experiment, found[2])
            cell.source = (f'#| label: tbl-{experiment}{again}\n'
                           f'#| tbl-cap: "{caption}"\n{cell.source}')
            if nb.metadata.get('chinese'): cell.metadata.setdefault('zh', {})['tbl-cap'] = ours


def caption_tables(source, say=str):
    "Give the tables of measurements in a text a caption, in the form that Quarto knows."
    def captioned(found):
        caption = found[1] in CAPTIONS and say(CAPTIONS[found[1]])
        return f'{found[0]}\n: {caption} {{#tbl-{found[1]}}}\n' if caption else found[0]
    return WRITTEN.sub(captioned, source)


def _captions(experiment, recipes):
    "In English and in Chinese."
    names = re.findall(r"'([^'{}]+)'", recipes)
    of, ours = (f"{colon}{joint.join(names)}" if names else ''
                for colon, joint in ((': ', '; '), ('：', '；')))
    return (f'The stored runs of `{experiment}`{of}. Differences are to the first line.',
            f'`{experiment}`中存储的训练{ours}。差异是与第一行相比。')


def number_labels(chapter, nb):
    "Where each labelled figure, equation or table is: {label: (href, 'Figure 1.2')}."
    counts, numbers = dict.fromkeys(KINDS, 0), {}
    for label in chain.from_iterable(map(labels_of, nb.cells)):
        kind = label.split('-')[0]
        counts[kind] += 1
        count = f'{chapter.number}.{counts[kind]}' if chapter.number else counts[kind]
        number = f'{KINDS[kind]} {count}'
        numbers[label] = f'{chapter.href}#{label}', number
    return numbers


def labels_of(cell):
    "What can be referred to in a cell."
    if cell.cell_type == 'markdown': return LABEL.findall(cell.source)
    label = options(cell).get('label', '')
    return [label] if REFERENCE.match(f'@{label}') else []


def shown(cell):
    if not cell.source.strip(): return False
    if 'contents' in tags(cell): return False  # the contents page has its own list of chapters
    opts = options(cell)
    return not opts.get('hide') and opts.get('include') is not False


def prepare(cell, numbers):
    if cell.cell_type == 'markdown': _prepare_text(cell, numbers)
    if cell.cell_type == 'code': _prepare_code(cell, numbers)
    return cell


def _prepare_text(cell, numbers):
    def linked(source, **more):
        placed = place_labels(source, numbers, **more)
        return text.link_chapters(link_references(placed, numbers, **more))
    ours = cell.metadata.get('zh', {}).get('')
    card, ours = bool(CARD.search(cell.source)), ours and linked(ours, name=chinese.name)
    cell.source = linked(cell.source)
    both = [(cell.source, ours)] if card else chinese.pairs(cell.source, ours)
    cell.metadata.book = dict(card=card, pairs=both)


def _prepare_code(cell, numbers):
    opts = options(cell)
    label, ours = opts.get('label', ''), cell.metadata.get('zh', {})
    subcaptions = zip_longest(opts.get('fig-subcap', []),
                              filter(None, ours.get('fig-subcap', '').split('\n\n')))
    cell.outputs = with_subcaptions(lasting(cell.outputs), subcaptions)
    cell.source = OPTION.sub('', cell.source).strip()
    number = numbers.get(label, ('', ''))[1]
    def captions(options, name=str):
        caption = options.get('fig-cap') or options.get('tbl-cap') or ''
        start = f'**{name(number)}.** ' if number and caption else ''
        return start + link_references(caption, numbers, name)
    cell.metadata.book = dict(
        label=label,
        table=label.startswith('tbl-'),
        captions=(captions(opts), captions(ours, chinese.name)),
        echo=opts.get('echo', True),
        fold=opts.get('code-fold', False),
        summaries=(opts.get('code-summary', 'Code'), ours.get('code-summary', '')),
        alt_zh=ours.get('fig-alt', ''),
        quiz_zh=ours.get('quiz', ''))
    if 'fig-alt' in opts: cell.metadata.alt = opts['fig-alt']


def lasting(outputs):
    """What a page can show by itself.

    That is no widget, which needs a running kernel, and no bar that has gone and left its
    style."""
    return [out for out in outputs if WIDGET not in out.get('data', {}) and not _is_blank(out)]


def with_subcaptions(outputs, captions):
    """Below each picture a caption of its own: (a), (b), …

    `captions`: pairs of one in English and one in Chinese, or None."""
    left, shown = zip('abcdefghi', captions), []
    for out in outputs:
        shown.append(out)
        letter, caption = next(left, ('', '')) if is_picture(out) else ('', '')
        if not letter: continue
        html = f'<p class="subcaption">({letter}) {chinese.both(*caption)}</p>'
        shown.append(new_output('display_data', data={'text/html': html}))
    return shown


def is_picture(out): return 'image/png' in out.get('data', {})


def _is_blank(out):
    "Is this HTML with nothing to see?"
    if 'text/html' not in out.get('data', {}): return False
    return not STYLE.sub('', out.data['text/html']).strip()


def link_references(source, numbers, name=str):
    "`name` translates “Figure 1.2”."
    def link(match):
        href, number = numbers.get(match[1], ('', match[0]))
        return f'[{name(number)}]({href})' if href else number
    return REFERENCE.sub(link, source)


def place_labels(source, numbers, name=str):
    "A label becomes an anchor with its number, in place; a translation has no anchor."
    def anchor(found):
        label = found[1]
        place = f' id="{label}"' if name is str else ''
        return f'<span class="number"{place}>{name(numbers[label][1])}</span>'
    return LABEL.sub(anchor, source)
