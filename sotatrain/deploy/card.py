"""The card of a model: what it is, how good, for what; with metadata for Hugging Face's hub."""
import numpy as np
import yaml

from .about import About, named_network

__all__ = ['card', 'metadata']

# Of data whose origin is known: where they are on the hub, and what may be done with them
KNOWN = dict(
    doodlenette=(None, "drawings made by code; they are under the library's license, Apache "
                       "2.0"),
    imagenette2=('frgfm/imagenette', "photographs from ImageNet, which are for non-commercial "
                                     "research and education only"))
KNOWN['imagenette'] = KNOWN['imagenette2']
LIMITS = dict(
    doodlenette="It has seen drawings only. What it says of photographs means nothing.",
    imagenette2="Most of Imagenette's validation pictures are training pictures of ImageNet: "
                "do not compare this with a network that was pretrained there.")
LIMITS['imagenette'] = LIMITS['imagenette2']


def card(about: About) -> str:
    "Markdown, with YAML on top. All numbers are those of `about`."
    head = yaml.safe_dump(metadata(about), sort_keys=False, allow_unicode=True)
    parts = [f'---\n{head}---', f'# {about.name}', _what(about), '## Use', _use(about),
             '## Data', _data(about), '## Measured', *_measured(about), '## Limits',
             _limits(about), '## How it was made', _made(about), '## Publish', _PUBLISH]
    return '\n\n'.join(parts) + '\n'


def metadata(about: About) -> dict:
    "What the hub reads."
    known = _known(about)
    found = dict(license=about.license, library_name='sotatrain',
                 pipeline_tag='image-classification',
                 tags=['image-classification', 'pytorch', 'fastai', _arch(about)])
    if known[0]: found['datasets'] = [known[0]]
    if not about.measured: return found
    metrics = [
        dict(type=type, name=name, value=about.measured[key]['value'])
        for type, name, key in (('accuracy', 'Accuracy', 'accuracy'),
                                ('expected_calibration_error', 'Expected calibration error',
                                 'calibration_error'))]
    result = dict(
        task=dict(type='image-classification'),
        dataset=dict(name=_folder(about), type=known[0] or _folder(about), split='validation'),
        metrics=metrics)
    index = [dict(name=about.name, results=[result])]
    return found | {'metrics': ['accuracy'], 'model-index': index}


def _folder(about): return str(about.data.get('folder') or 'unknown')

def _known(about): return KNOWN.get(_folder(about).split('-')[0], (None, None))

def _arch(about): return [*named_network(about.arch)][0]


def percent(value): return f'{100 * value:.1f}'


def between(values, unit=' %'):
    "A share with its interval: `85.2 % (82.9 to 87.3)`."
    low, high = percent(values['low']), percent(values['high'])
    return f"{percent(values['value'])}{unit} ({low} to {high})"


def _what(about):
    classes = ', '.join(about.classes)
    return (f"A classifier ({_arch(about)}) that says which of {len(about.classes)} classes a "
            f"picture shows: {classes}. It sees the largest square in the middle of a picture, "
            f"at {about.size} × {about.size} px.")


def _use(about):
    return f"""\
```python
from sotatrain.deploy import load_model
model = load_model('{about.name}')  # this folder
p = model.predict('picture.jpg')[0]
print(model.classes[p.argmax()], f'{{p.max():.1%}}')
```

Or in a shell: `sotatrain predict {about.name} FOLDER_OF_PICTURES`. Nothing in this folder is
executed when it is loaded: the weights are `model.safetensors`, all else is in `model.json`."""


def _data(about):
    data, (_, rights) = about.data, _known(about)
    lines = [f"- Folder: {_folder(about)}; {rights or 'its license is not known to us'}."]
    if 'train' in data: lines.append(
        f"- Split: {data['train']:,} training and {data.get('val', 0):,} validation pictures.")
    for split in 'train', 'val':
        content = data.get(f'{split}_content')
        if content: lines.append(f"- Fingerprint of {split}: `{content}`.")
    return '\n'.join(lines)


def _measured(about):
    found = about.measured
    if not found:
        yield "Nothing was measured: the learner had no validation pictures."
        return
    report = found.get('report', 'all')
    half = '' if report == 'all' else f" (the half “{report}”)"
    yield (f"On {found['n']:,} validation pictures{half}, one view of each, in float32. "
           "Intervals are of 95 %, for more pictures of this kind; networks from other seeds "
           "differ, too.")
    yield _table('', 'value', [
        ('accuracy', between(found['accuracy'])),
        ('expected calibration error', between(found['calibration_error'])),
        ('log loss', f"{found['log_loss']:.3f}")])
    yield _table('class', 'accuracy', [
        (f'{name} ({values["n"]:,})', between(values))
        for name, values in found['by_class'].items()])
    confused = most_confused(about.classes, found['confusion'])
    if confused: yield "What is taken for something else most often:"
    if confused: yield _table('label → answer', 'pictures', [
        (f'{label} → {answer}', f'{n:,} of {of:,}') for label, answer, n, of in confused])


def most_confused(classes, confusion, most=5) -> list:
    "Of (label, answer, pictures, pictures of the label), without what never happened."
    counts = np.array(confusion)
    wrong = counts - np.diag(counts.diagonal())
    places = zip(*np.unravel_index(np.argsort(-wrong, None, kind='stable')[:most], wrong.shape))
    return [(classes[i], classes[j], int(wrong[i, j]), int(counts[i].sum()))
            for i, j in places if wrong[i, j]]


def _table(*rows):
    *head, body = rows
    lines = [f"| {' | '.join(row)} |" for row in (head, ('---', '--:'), *body)]
    return '\n'.join(lines)


def _limits(about):
    own = LIMITS.get(_folder(about).split('-')[0])
    return '\n'.join(filter(None, [
        f"- It answers with one of its {len(about.classes)} classes whatever a picture shows: "
        "it cannot say “none of them”.",
        "- The numbers above hold for pictures like those that it was measured on. For others, "
        "accuracy and confidence have to be measured again: `sotatrain evaluate` does.",
        "- It must not decide about people, nor where a mistake can do harm.",
        own and f"- {own}"]))


def _made(about):
    versions = about.conditions.get('versions') or {}
    said = ', '.join(f'{name} {version}' for name, version in versions.items() if version)
    seed = '' if about.seed is None else f', seed {about.seed}'
    recipe = (f"By the recipe “{about.recipe['name']}”{seed}, which `model.json` has in full "
              "(`sotatrain train model.json` trains it again)."
              if about.recipe else "Its recipe is not known.")
    on = about.conditions.get('device')
    return '\n'.join(filter(None, [recipe, on and f"On {on}.", said and f"With {said}."]))


_PUBLISH = """\
`hf upload USER/NAME FOLDER` puts this folder on Hugging Face's hub; look at the license and at
the limits above first."""
