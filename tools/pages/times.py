"""The page that says how long a chapter takes, and how accurate your runs should be."""
import json

PROFILES = 'cpu', 'smoke'


def markdown(chapters, benchmark):
    "Texts in Markdown; `benchmark` is the file with the times that were measured."
    stored = json.loads(benchmark.read_text(encoding='utf-8'))
    return ['# How long it takes, and what you should see',
            'Times are of whole notebooks, run from their first cell to their last on '
            f"{stored['conditions']['cores']} cores without a GPU.",
            _times(chapters, stored['rows']),
            '## Accuracies of the stored experiments',
            'If you repeat an experiment on the photographs, your runs should mostly lie '
            'near these numbers. They are the lowest and the highest of its seeds, in %; with '
            'few seeds, some of yours will be outside.',
            _accuracies()]


def table(head, rows):
    lines = [head, ['---']*len(head), *rows]
    return '\n'.join(f"| {' | '.join(line)} |" for line in lines)


def _times(chapters, rows):
    seconds = {(row['chapter'], row['profile']): row['seconds'] for row in rows}
    def shown(stem, profile):
        found = seconds.get((stem, profile))
        return f'{found:,.0f} s' if found else ''
    lines = [[c.number, f'[{c.title}]({c.stem}.ipynb)',
              *(shown(c.stem, profile) for profile in PROFILES)] for c in chapters if c.number]
    return table(['', 'chapter', *(f'`{profile}` profile' for profile in PROFILES)], lines)


def _accuracies():
    from sotatrain.experiment import experiments, stored_results  # `make course` starts at once
    lines = []
    for experiment in experiments():
        for row in stored_results(experiment).rows:
            found = sorted(row.accuracies.values())
            if found: lines.append([f'`{experiment}`', row.name, str(row.n),
                                    f'{found[0]:.1f} to {found[-1]:.1f}'])
    return table(['experiment', 'recipe', 'seeds', 'accuracy, %'], lines)
