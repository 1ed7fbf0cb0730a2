"""The page that says how long a chapter takes, and how accurate your runs should be."""
import json

from tools.pages.text import table_of

PROFILES = 'cpu', 'smoke'


def markdown(chapters, benchmark):
    "Texts in Markdown, in both languages; `benchmark`: the file with the measured times."
    stored = json.loads(benchmark.read_text(encoding='utf-8'))
    cores, accuracies = stored['conditions']['cores'], _accuracies()
    return [('# How long it takes, and what you should see', '# 要多久，会看到什么'),
            ('Times are of whole notebooks, run from their first cell to their last on '
             f'{cores} cores without a GPU.',
             f'这里的时间是整个笔记本的时间：在{cores}个核上，不用GPU，从第一个单元格运行到最后一个。'),
            (_times(chapters, stored['rows']), _times(chapters, stored['rows'], 'zh')),
            ('## Accuracies of the stored experiments', '## 存下的实验的准确率'),
            ('If you repeat an experiment on the photographs, your runs should mostly lie '
             'near these numbers. They are the lowest and the highest of its seeds, in %; with '
             'few seeds, some of yours will be outside.',
             '如果你在照片上重复一个实验，你的结果大多应该在这些数字附近。它们是各随机种子中最低和最高'
             '的准确率，单位是%；随机种子不多，所以你的结果有一些会落在外面。'),
            (_table_of(accuracies), _table_of(accuracies, 'zh'))]


HEADS = {
    'en': (['', 'chapter', '`{}` profile'], ['experiment', 'recipe', 'seeds', 'accuracy, %']),
    'zh': (['', '章', '`{}`档位'], ['实验', '配方', '随机种子', '准确率，%'])}
UNITS = {'en': '{:,.0f} s', 'zh': '{:,.0f}秒'}
RANGES = {'en': '{:.1f} to {:.1f}', 'zh': '{:.1f}至{:.1f}'}


def _times(chapters, rows, language='en'):
    seconds = {(row['chapter'], row['profile']): row['seconds'] for row in rows}
    def shown(stem, profile):
        found = seconds.get((stem, profile))
        return UNITS[language].format(found) if found else ''
    def title(c): return c.chinese or c.title if language == 'zh' else c.title
    lines = [[c.number, f'[{title(c)}]({c.stem}.ipynb)',
              *(shown(c.stem, profile) for profile in PROFILES)] for c in chapters if c.number]
    *head, column = HEADS[language][0]
    return table_of([*head, *map(column.format, PROFILES)], lines)


def _accuracies():
    "(experiment, recipe, seeds, lowest, highest) of each recipe, accuracies in %."
    from sotatrain.experiment import experiments, stored_results  # `make course` starts at once
    return [(experiment, row.name, row.n, *_ends(row.accuracies.values()))
            for experiment in experiments()
            for row in stored_results(experiment).rows if row.accuracies]


def _ends(values): return min(values), max(values)


def _table_of(accuracies, language='en'):
    between = RANGES[language]
    lines = [[f'`{experiment}`', name, str(n), between.format(*ends)]
             for experiment, name, n, *ends in accuracies]
    return table_of(HEADS[language][1], lines)
