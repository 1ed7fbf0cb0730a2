"""Chapter 7: Mixup and its relatives."""
from ..questionnaire import Choice, Code, FreeText, Number


def mixup(x, y, lam, perm):
    "λ of each picture and 1 − λ of its partner; targets likewise."
    return lam * x + (1 - lam) * x[perm], lam * y + (1 - lam) * y[perm]


def _cases():
    import torch
    generator = torch.Generator().manual_seed(0)
    def batch(n): return torch.rand(n, 3, 2, 2, generator=generator), torch.eye(4)[torch.arange(n) % 4]
    return [(*batch(4), .7, torch.tensor([1, 2, 3, 0])), (*batch(2), .5, torch.tensor([1, 0])), (*batch(3), 1., torch.tensor([2, 0, 1])), (*batch(3), .1, torch.tensor([2, 0, 1]))]


def cutmix_lam(left, top, right, bottom, height, width):
    "The share of a picture that still shows itself, with a box of another one pasted in."
    left, right, top, bottom = max(0, left), min(width, right), max(0, top), min(height, bottom)
    return 1 - (right - left) * (bottom - top) / (height * width)


QUESTIONS = [
    Choice(
        id='mixup-what', chapter='mixup', right=2,
        prompt="What does Mixup do with a batch?",
        options=(
            ("It shuffles the labels.", "Labels that do not fit teach nothing."),
            ("It blends pictures of the same class.", "Partners are chosen at random, whatever their class."),
            ("It blends each picture with another one, and their labels in the same proportion.", "0.3 church and 0.7 gas pump, in the picture as in the target."),
            ("It blends pictures, and keeps the label of the first.", "Then the target would claim more than the picture shows. (Some metrics look at the larger part only, the loss does not.)"))
        , hints=("Two things belong to each example: a picture and a label.", "Both are blended.")),
    Number(
        id='mixup-target', chapter='mixup', answer=(0., .3, 0., .7),
        prompt="Four classes. λ = 0.3, the picture is of class 1, its partner of class 3 (the first class is number 0). What is the target?",
        why="λ belongs to the picture's own class, 1 − λ to the partner's.",
        traps=(((0., .7, 0., .3), "λ is the share of the picture itself, so its class gets 0.3."), ((.3, 0., .7, 0.), "Classes are counted from 0 here."),
               ((0., .3, 0., .3), "The shares must sum to 1: the partner gets 1 − λ."), ((.1, .3, .1, .5), "That looks like label smoothing. In Mixup, classes that are in neither picture get 0.")),
        hints=("Four numbers that sum to 1.", "λ at the place of class 1.")),
    Code(
        id='mixup-code', chapter='mixup', answer=mixup, source="def mixup(x, y, lam, perm):\n    return lam * x + (1 - lam) * x[perm], lam * y + (1 - lam) * y[perm]",
        prompt="Write `mixup(x, y, lam, perm)` for a batch of pictures `x` (n × 3 × h × w), one-hot targets `y` (n × classes), a number `lam`, and the partners' places `perm`. It returns both, blended.",
        cases=_cases,
        mistakes=((lambda x, y, l, p: ((1 - l)*x + l*x[p], (1 - l)*y + l*y[p]), "λ is the share of the picture itself, not of its partner."),
                  (lambda x, y, l, p: (l*x + (1 - l)*x[p], y), "The labels must be blended, too: the target should say what the picture shows."),
                  (lambda x, y, l, p: (l*x + (1 - l)*x.flip(0), l*y + (1 - l)*y.flip(0)), "Partners are given by `perm`; you took the batch in reverse.")),
        hints=("`x[perm]` are the partners.", "The same λ and the same partners for both.")),
    Choice(
        id='mixup-beta', chapter='mixup', right=1,
        prompt="λ comes from Beta(α, α). What does a small α, such as 0.1, mean (before any folding)?",
        options=(
            ("Most blends are half and half.", "That is a large α."),
            ("Most λ are close to 0 or to 1: one picture with a trace of another.", "A small α is a little Mixup. For α = 1 every λ is equally likely; for a large α most are near 0.5."),
            ("λ is small on average.", "The mean is 0.5 for every α, because both parameters are equal."),
            ("Few batches are mixed.", "All are, but most of them only a little."))
        , hints=("Look at the densities in chapter 7.", "The mean does not depend on α.")),
    Number(
        id='mixup-fold', chapter='mixup', answer=.75,
        prompt="λ is uniform between 0 and 1 (α = 1) and then folded to max(λ, 1 − λ). What is its mean?",
        why="Folded, it is uniform between 0.5 and 1.",
        traps=((.5, "That is the mean before folding."), (1., "That is the largest value."), (.25, "That would be min(λ, 1 − λ).")),
        hints=("Which values can it still have?", "It is uniform there.")),
    Choice(
        id='mixup-confident', chapter='mixup', right=0,
        prompt="Why does Mixup keep a network from being too sure of itself?",
        options=(
            ("Its targets are rarely 1 for one class, so an answer of 0.999 costs loss.", "To be right about 0.7 and 0.3 one must answer 0.7 and 0.3."),
            ("It makes the weights smaller.", "That is what weight decay does."),
            ("It lowers the learning rate.", "It does not touch it."),
            ("It shows each picture less often.", "Each picture is seen as often as before, and once more as a partner."))
        , hints=("What must it answer to a blend?",)),
    Choice(
        id='mixup-epochs', chapter='mixup', right=3,
        prompt="You add Mixup to a training of five epochs, and it ends worse. What is the likely reason?",
        options=(
            ("α was too small.", "A smaller α would hurt less, since it mixes less."),
            ("Mixup does not work on photographs.", "It was made for them."),
            ("The validation pictures were mixed, too.", "They are not."),
            ("There was no overfitting to prevent yet.", "With augmentation, five epochs leave little learned by heart, so there is little for Mixup to prevent, and it makes the task harder."))
        , hints=("Which trouble does it cure, and did you have it?",)),
    Choice(
        id='mixup-linear', chapter='mixup', right=2,
        prompt="Libraries often compute λ · loss(answer, y) + (1 − λ) · loss(answer, y of the partner), instead of blending the targets. For which loss is that exactly the same?",
        options=(
            ("For every loss.", "For squared error, for example, the values differ."),
            ("For none; it is an approximation.", "For one of them it is exact."),
            ("For cross-entropy, because it is linear in the target.", "−Σ q log p: twice the target is twice the loss, and sums of targets give sums of losses."),
            ("For accuracy.", "Accuracy is no loss, and a blend has no single right class."))
        , hints=("In which loss does the target stand in front of a logarithm?",)),
    Code(
        id='mixup-cutmix', chapter='mixup', answer=cutmix_lam,
        source="""
def cutmix_lam(left, top, right, bottom, height, width):
    left, right = max(0, left), min(width, right)
    top, bottom = max(0, top), min(height, bottom)
    return 1 - (right - left) * (bottom - top) / (height * width)""",
        prompt="CutMix pastes a box of the partner into a picture. Write `cutmix_lam(left, top, right, bottom, height, width)`: the share of the area that still shows the original picture. The box's edges are in pixels (right and bottom are not included any more), and a part of it may lie outside of the picture.",
        cases=lambda: [(0, 0, 4, 4, 8, 8), (-2, 1, 4, 5, 8, 8), (6, 6, 12, 12, 8, 10), (0, 0, 10, 8, 8, 10), (3, -4, 5, 20, 8, 10)],
        mistakes=((lambda l, t, r, b, h, w: 1 - (r - l)*(b - t)/(h*w), "A part of the box may lie outside of the picture: it is cut off before the pixels are counted."),
                  (lambda l, t, r, b, h, w: 1 - cutmix_lam(l, t, r, b, h, w), "That is the partner's share. λ is the share that still shows the picture itself."),
                  (lambda l, t, r, b, h, w: cutmix_lam(l, t, r, b, h, w)*h*w, "That is a number of pixels. λ is a share.")),
        hints=("First bring the box's edges into the picture.", "1 − pasted pixels / all pixels.")),
    Choice(
        id='mixup-use', chapter='mixup', right=2,
        prompt="How do you switch Mixup on in fastai?",
        options=(
            ("As a transform of single pictures, in `item_tfms`.", "It needs two pictures at once, and it changes their targets."),
            ("With another loss function alone.", "The pictures must be blended as well."),
            ("As a callback: `Learner(…, cbs=MixUp())`, or for one fit only, `learn.fit(5, cbs=MixUp())`.", "A callback can change the batch before the network sees it, and the loss after it."),
            ("By training on pictures that were blended and stored before.", "Then each blend would come again in every epoch; and there are very many pairs."))
        , hints=("Something that can change a batch and the loss, in training only.",)),
    Choice(
        id='mixup-loss', chapter='mixup', right=0,
        prompt="With Mixup, the training loss stays far above the validation loss. What is wrong?",
        options=(
            ("Nothing: a blended target cannot be met with a loss near 0.", "For a target of 0.7 and 0.3 the best possible loss is 0.61. Validation pictures are not blended, and easier."),
            ("The learning rate is too low.", "Perhaps, but this is no sign of it."),
            ("The validation pictures have leaked.", "This is no sign of it: with Mixup the training loss is always high."),
            ("The network is too small.", "Even a perfect network would have such a loss on blends."))
        , hints=("What is the lowest possible loss for a target of 0.5 and 0.5?",)),
    FreeText(
        id='mixup-text', chapter='mixup',
        prompt="Your data are sentences. What could you blend, and what not? How would you do it?",
        rubric=("Not the numbers of the words: their mean is another, unrelated word.", "Their embeddings, or activations of a later layer (manifold Mixup).", "The losses of both labels, with the same shares."),
        answer="Word numbers cannot be averaged, but the embeddings can: a hook on the embedding layer blends those of two sentences with λ, and the loss is λ times that of one label plus 1 − λ times that of the other.",
        hints=("What of a word is a vector?",)),
]
