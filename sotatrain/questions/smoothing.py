"""Chapter 8: label smoothing."""
from math import log

from ..questionnaire import Choice, Code, FreeText, Number


def smooth(y, n_classes, eps):
    "(1 − ε) for the class, and ε/K for each."
    return [(1 - eps) * (k == y) + eps / n_classes for k in range(n_classes)]


QUESTIONS = [
    Number(
        id='smoothing-target', chapter='smoothing', answer=(.02, .92, .02, .02, .02),
        prompt="Five classes, ε = 0.1, spread over all classes. What is the smoothed target of class 1? (The first class is number 0.)",
        why="Each class gets ε/K = 0.02, and class 1 gets 1 − ε = 0.9 on top.",
        traps=(((.025, .9, .025, .025, .025), "You spread ε over the *other* four classes. It is spread over all five, so that the right one gets 0.9 + 0.02."),
               ((.92, .02, .02, .02, .02), "That is the target of class 0; classes are counted from 0."), ((.1, .9, .1, .1, .1), "These sum to 1.3. ε is spread over the classes, not given to each."),
               ((0., .9, 0., 0., 0.), "The 0.1 that was taken away must go somewhere."), ((.01, .91, .01, .01, .01), "That is right for ten classes. Here there are five, and these do not sum to 1.")),
        tolerance=.02,
        hints=("Five numbers that sum to 1.", "Every class gets ε/K, the right one included.")),
    Code(
        id='smoothing-code', chapter='smoothing', answer=smooth, source="def smooth(y, n_classes, eps):\n    return [(1 - eps) * (k == y) + eps / n_classes for k in range(n_classes)]",
        prompt="Write `smooth(y, n_classes, eps)`: the smoothed target of class `y` (`eps` is spread over all classes), as a list or a tensor of `n_classes` numbers.",
        cases=lambda: [(3, 10, .1), (0, 2, .5), (1, 4, 0.), (2, 3, 1.)],
        mistakes=((lambda y, n, e: [(1 - e) if k == y else e/(n - 1) for k in range(n)], "You spread ε over the other classes only. In the paper it is spread over all."),
                  (lambda y, n, e: [(1 - e) if k == y else e/n for k in range(n)], "These do not sum to 1: the right class gets its ε/K as well."),
                  (lambda y, n, e: [1. if k == y else e/n for k in range(n)], "The 1 must give ε away before it is spread.")),
        hints=("Every class gets ε/K.", "And the right one 1 − ε on top.")),
    Choice(
        id='smoothing-infinity', chapter='smoothing', right=1,
        prompt="Why can a network never reach a one-hot target with a softmax?",
        options=(
            ("Because of rounding.", "With exact numbers it is impossible, too. (With rounding, it may look as if it were reached.)"),
            ("Because no power of e is 0.", "Every class keeps some probability, so 1 is reached at infinite logits only, and the gradient keeps asking for more."),
            ("Because the learning rate gets too low.", "With any rate, it would take infinitely many steps."),
            ("Because labels are wrong.", "It holds for right ones, too."))
        , hints=("What would the other probabilities have to be?",)),
    Number(
        id='smoothing-lead', chapter='smoothing', answer=log(91), tolerance=.002,
        prompt="Ten classes, ε = 0.1. By how much must the right logit lead the nine others (all equal) so that the smoothed loss is lowest? (Natural logarithm, at least two decimals.)",
        why="The answer must be 0.91 and 0.01, and the difference of logits is the logarithm of the ratio of probabilities: log 91 = 4.51.",
        traps=((log(9), "log 9 would be 0.9 against 0.1. The other classes get 0.01 each."), (log(90), "4.50 is log 90, from 0.9/0.01. The right class has its own share of ε, too: 0.91/0.01, and log 91 is 4.51."),
               (.9, "That is a difference of probabilities; logits are logarithms."), (91., "Take its logarithm.")),
        hints=("Which probabilities is it to answer?", "Difference of logits = logarithm of the ratio.")),
    Number(
        id='smoothing-gradient', chapter='smoothing', answer=(-.3, .2, .1),
        prompt="The network answers (0.7, 0.2, 0.1), and the label is class 0, without smoothing. What is the gradient of the cross-entropy with respect to the three logits?",
        why="Output minus target: (0.7 − 1, 0.2, 0.1). A step against it raises the first logit and lowers the others.",
        traps=(((.3, -.2, -.1), "That is target minus output. The gradient is output minus target (training goes against it)."),
               ((-1/.7, 0., 0.), "That is the derivative with respect to the *probability*. The softmax comes on top."), ((.7, .2, .1), "That is the output itself. Subtract the target.")),
        hints=("Which logit should rise, and which should fall?", "Output minus target.")),
    Choice(
        id='smoothing-two', chapter='smoothing', right=3,
        prompt="Label smoothing is a sum of two losses: H(q′, p) = (1 − ε) H(q, p) + ε H(u, p). H is cross-entropy, p the answer, q the one-hot label, and u gives each class 1/K. What does the second part punish?",
        options=(
            ("Wrong answers.", "That is the first part."),
            ("Large weights.", "It looks at the answer only."),
            ("Not being sure enough of the label.", "On the contrary: it knows nothing of the label."),
            ("Being very sure, whatever the label is.", "It is lowest if all classes get the same probability."))
        , hints=("u gives each class 1/K.", "For which p is H(u, p) smallest?")),
    Choice(
        id='smoothing-faults', chapter='smoothing', right=0,
        prompt="Which fault of the data does label smoothing help with most directly?",
        options=(
            ("Wrong labels.", "Being certain of a label that may be wrong is no longer rewarded without end. And q′ is just the average target if a share ε of the labels is replaced by random ones."),
            ("Too few pictures of one class.", "Weights or more pictures help there."),
            ("Pictures of different sizes.", "That is a matter of cropping."),
            ("The same pictures in training and in validation.", "Nothing but a new split helps there."))
        , hints=("What should one not be too sure of?", "Imagine that a share ε of something is replaced at random.")),
    Choice(
        id='smoothing-calibration', chapter='smoothing', right=2,
        prompt="What does label smoothing do to calibration?",
        options=(
            ("It always improves it.", "A network that was well calibrated becomes too modest."),
            ("Nothing: it changes accuracy only.", "It changes above all how sure the network is."),
            ("It makes answers less sure.", "That is good if they were too sure, and bad if they were not. So look at the reliability plot before and after."),
            ("It makes all answers uniform.", "Only with ε = 1."))
        , hints=("It moves confidence in one direction.",)),
    FreeText(
        id='smoothing-paper', chapter='smoothing',
        prompt="In your own words: which two problems of one-hot targets does the paper (Szegedy and others, 2015) name, and why does q′ cure both?",
        rubric=("Overfitting: the whole probability for each training label is no guarantee for other pictures.",
                "Less able to adapt: the largest logit runs away from the others, and gradients are bounded, so the way back is long (too confident).",
                "Every q′(k) has a positive lower bound ε/K, so a very large lead costs much: the best lead is finite."),
        answer="To give each training label the whole probability is to learn by heart. And it drives the largest logit away from the others; as gradients are bounded, the network is then slow to change its mind. With q′ each class keeps ε/K, so an extreme answer is expensive and the best logits are finite.",
        hints=("One is about other pictures, one about changing one's mind.", "What is the smallest value of q′?")),
]
