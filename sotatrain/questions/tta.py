"""Chapter 6: test-time augmentation, and calibration."""
from ..questionnaire import Choice, Code, FreeText, Number


def merge(plain, views, beta):
    "β of the plain probabilities, and 1 − β of the mean of the others."
    return beta * plain + (1 - beta) * views.mean(0)


def _cases():
    import torch
    generator = torch.Generator().manual_seed(0)
    def p(*shape): return torch.randn(*shape, generator=generator).softmax(-1)
    return [(p(3, 4), p(2, 3, 4), .25), (p(1, 2), p(4, 1, 2), .5), (p(2, 3), p(1, 2, 3), 0.)]


QUESTIONS = [
    Choice(
        id='tta-what', chapter='tta', right=1,
        prompt="What is test-time augmentation?",
        options=(
            ("Augmenting the validation pictures so that validation becomes harder.", "It is meant to make the answers better."),
            ("Predicting several views of each picture, and merging the answers.", "For example the centre crop and four random ones, and the mean of their probabilities."),
            ("Training on the validation pictures, augmented.", "Never train on them."),
            ("Choosing the augmentation by trying it on the test set.", "That would spoil the test set."))
        , hints=("What could you ask a trained network, besides the picture as it is?", "One picture, several answers.")),
    Choice(
        id='tta-time', chapter='tta', right=2,
        prompt="What does `tta(learn, n=4)` do to the time of inference for many pictures, and to that of training?",
        options=(
            ("Both become longer.", "Training knows nothing of it."),
            ("Inference stays the same, because a GPU works on views in parallel.", "It must do five times the work, and was busy before."),
            ("Inference takes about five times as long; training stays the same.", "The network runs on five views. Only the network's work multiplies here. With fastai's `learn.tta` the pictures are also decoded again for each view."),
            ("Inference becomes faster.", "More work is not done in less time."))
        , hints=("How often does the network run for a picture?", "The plain view counts, too.")),
    Number(
        id='tta-merge', chapter='tta', answer=.66,
        prompt="The plain view gives a class the probability 0.9, and four more views 0.5, 0.6, 0.7 and 0.52. With β = 0.25, what is the merged probability?",
        why="The four have the mean 0.58, and 0.25 · 0.9 + 0.75 · 0.58 = 0.66.",
        traps=((.644, "That is the plain mean of all five. β gives the plain view a weight of its own."), (.82, "You gave the plain view 0.75 and the others 0.25. It is the other way round."),
               (.58, "That is the mean of the four; the plain view is missing."), (.9, "That is the maximum.")),
        tolerance=.004,
        hints=("First the mean of the four.", "β times the plain view, plus 1 − β times that mean.")),
    Code(
        id='tta-code', chapter='tta', answer=merge, source="def merge(plain, views, beta):\n    return beta * plain + (1 - beta) * views.mean(0)",
        prompt="Write `merge(plain, views, beta)`: `plain` holds probabilities (pictures × classes), `views` those of n more views (n × pictures × classes). The plain view has the weight β, the others share the rest.",
        cases=_cases,
        mistakes=((lambda p, v, b: (1 - b) * p + b * v.mean(0), "β is the weight of the *plain* view."),
                  (lambda p, v, b: b * p + (1 - b) * v.sum(0), "The others *share* the rest: take their mean, or the rows do not sum to 1."),
                  (lambda p, v, b: b * p + (1 - b) * v.amax(0), "That takes the largest probability of the views; asked for is their mean.")),
        hints=("Which dimension of `views` counts the views?",)),
    Choice(
        id='tta-logits', chapter='tta', right=0,
        prompt="You average the logits of the views and take the softmax of the mean. Which merge of probabilities is that?",
        options=(
            ("Their geometric mean, brought to a sum of 1.", "A logit is a log-probability plus a constant for each view. The mean of logarithms is the logarithm of the geometric mean, and the constants drop out."),
            ("Their mean.", "The mean of logarithms is not the logarithm of the mean."),
            ("Their maximum.", "Nothing takes a maximum here."),
            ("None of them.", "It is one of them: write the softmax of a mean as a product."))
        , hints=("A logit is a logarithm, up to a constant.", "What is the mean of logarithms the logarithm of?")),
    Number(
        id='tta-ece', chapter='tta', answer=.13,
        prompt="100 answers. 60 of them have a confidence of 0.95, and 48 of these are right. 40 have a confidence of 0.6, and 28 of these are right. What is the expected calibration error (two bins; from 0 to 1)?",
        why="0.6 · |0.8 − 0.95| + 0.4 · |0.7 − 0.6| = 0.09 + 0.04 = 0.13.",
        traps=((.125, "You took the mean of the two gaps. Each bin counts by its share of the answers."), (.76, "That is the accuracy."),
               (.05, "You let the two gaps cancel: one bin is too sure, the other too modest. Each is taken without its sign.")),
        hints=("In each bin: accuracy minus confidence, without the sign.", "Weigh the gaps by the bins' shares, 0.6 and 0.4.")),
    Choice(
        id='tta-fastai-use', chapter='tta', right=3,
        prompt="Which line gives test-time-augmented probabilities of the validation set in fastai, and which one in this book?",
        options=(
            ("`learn.validate(tta=True)` and `tta.validate(learn)`", "Neither exists."),
            ("`learn.get_preds()` and `tta(learn, n=0)`", "Both give the plain prediction."),
            ("`learn.show_results()` and `learn.predict()`", "The first draws a few pictures, the second answers for one."),
            ("`learn.tta()` and `tta(learn)`", "Both return probabilities and targets; ours decodes each picture once."))
        , hints=("Both return two tensors: probabilities and targets.",)),
    FreeText(
        id='tta-when', chapter='tta',
        prompt="Name a project in which you would use TTA, and one in which you would not. Why?",
        rubric=("Yes: where an answer is worth more than five times the computing time (a diagnosis, a contest, labels made once).",
                "No: where time or energy for each answer is short (a phone, a video stream), or where a larger network is a better use of that time.",
                "Views must keep the meaning (no mirror images of text or arrows)."),
        answer="For sorting X-rays overnight I would use it: five times the time costs little there. In a phone's camera I would not: every millisecond counts, and I would first compare it with a larger network that takes the same time.",
        hints=("Five times the time for each answer: where is that cheap?",)),
]
