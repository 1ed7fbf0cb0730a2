"""Chapter 3: a baseline, its learning rate, and how to know that a change helped."""
from ..questionnaire import Choice, Code, FreeText, Number


def interval(differences):
    "The mean of paired differences, and half the width of its 95 % interval (Student)."
    from statistics import fmean, stdev

    from scipy.stats import t
    n = len(differences)
    return fmean(differences), t.ppf(.975, n - 1) * stdev(differences) / n**.5


QUESTIONS = [
    Choice(
        id='learner-finder', chapter='learner', right=1,
        prompt="A learning-rate finder's plot is flat up to 1e-5, falls steeply around 1e-3, is lowest at 3e-2, and explodes at 1e-1. Which highest rate do you take for one-cycle?",
        options=(
            ("3e-2, where the loss is lowest.", "There it is about to explode. The lowest point of the plot is already too far."),
            ("A few times 1e-3, where it still falls.", "On the slope, and about a tenth of the rate with the lowest loss. fastai's suggestions lie there, too."),
            ("1e-5, to be safe.", "Nothing happens there: the plot is flat."),
            ("1e-1, because high rates generalize better.", "The loss explodes there."))
        , hints=("Not the minimum.", "A tenth of the rate at the minimum is a usual rule.")),
    Number(
        id='learner-finder-half', chapter='learner', answer=3.16e-3, tolerance=.02, absolute=0.,
        prompt="A finder goes from a rate of 1e-6 to 10 in 100 steps, multiplying by the same factor each time. What is the rate after 50 steps?",
        why="Half of the steps is half of the way on a logarithmic scale: from 10⁻⁶ to 10¹ are seven powers of ten, so 10⁻⁶ · 10^3.5 = 10^−2.5 ≈ 0.0032.",
        traps=((5.0000005, "That is halfway if the same number were *added* each time. It is multiplied."),
               (1e-3, "Count the powers of ten again: from −6 to +1 are seven, not six."), (-2.5, "That is the exponent. The rate is ten to the power of it.")),
        hints=("Think of the exponents: from −6 to 1.", "After half of the steps the exponent is halfway.")),
    Choice(
        id='learner-noise', chapter='learner', right=2,
        prompt="Your change gave 76.9 %, the baseline 76.2 %. One run each. What do you know?",
        options=(
            ("It helps by 0.7 points.", "Two runs of the *same* training from two seeds easily differ by that much."),
            ("It helps, but one cannot say how much.", "Not even the sign is known."),
            ("Next to nothing: that may be the seed.", "Repeat both from several seeds, take the differences seed by seed, and look at their interval."),
            ("It does not help, because a point is needed.", "There is no such rule. With ten seeds, 0.3 points can be beyond doubt; with one, two points are not."))
        , hints=("What happens if you train the baseline twice?",)),
    Number(
        id='learner-tries', chapter='learner', answer=.64, tolerance=.02,
        prompt="You compare 20 changes that do nothing with the baseline, each with a 95 % interval. How likely is it that at least one of the intervals misses 0? (Take them as independent; from 0 to 1.)",
        why="1 − 0.95²⁰ = 0.64. Half of those misses look like an improvement. So check a winner again, with fresh seeds.",
        traps=((.05, "That is the probability for one of them."), (1., "20 · 0.05 = 1 is how many miss on average. It can be none, or three."),
               (.36, "That is the probability that none of them misses.")),
        hints=("How likely is it that all 20 intervals contain 0?",)),
    Code(
        id='learner-interval', chapter='learner', answer=interval,
        source="""
def interval(differences):
    from statistics import fmean, stdev
    from scipy.stats import t
    n = len(differences)
    return fmean(differences), t.ppf(.975, n - 1) * stdev(differences) / n**.5""",
        prompt="Write `interval(differences)`: for a list of paired differences, the pair of their mean and half the width of the mean's 95 % interval by Student's t.",
        cases=lambda: [([.8, .3, 1.2],), ([-.5, .5],), ([1., 2., 3., 4., 5.],)],
        mistakes=((lambda d: (interval(d)[0], 1.96 * interval(d)[1] / _t(len(d))), "1.96 belongs to the normal distribution. With a few seeds the standard deviation is itself uncertain, and Student's t accounts for it: 4.30 for three."),
                  (lambda d: (interval(d)[0], interval(d)[1] * len(d)**.5), "That is the spread of single differences. The mean of n of them varies less, by the square root of n."),
                  (lambda d: (interval(d)[0], interval(d)[1] * ((len(d) - 1) / len(d))**.5), "Divide by n − 1, not by n, for the standard deviation of a sample.")),
        hints=("`scipy.stats.t.ppf(.975, n - 1)` is the factor.", "Factor × standard deviation of the sample / √n.")),
    Choice(
        id='learner-accumulate', chapter='learner', right=0,
        prompt="CUDA runs out of memory. You halve the batch and accumulate the gradients of two batches. What is *not* the same as before?",
        options=(
            ("Batch norm: its statistics come from half as many pictures.", "Each half is normalized with its own statistics, so activations and gradients differ a little."),
            ("The number of steps in an epoch.", "A step is still made after as many pictures as before."),
            ("The number of pictures behind each step.", "That is what accumulating keeps: two halves are one whole."),
            ("Nothing at all.", "Nearly. One kind of layer looks at the whole batch."))
        , hints=("Which layer looks at other pictures of the batch?",)),
    FreeText(
        id='learner-overfit', chapter='learner',
        prompt="`train_loss` falls and falls, `valid_loss` has begun to rise, and the accuracy still gets a little better. Is that overfitting? What would you do?",
        rubric=("The accuracy is what counts, and it still improves, so the training has not gone too far yet.",
                "A rising validation loss with a better accuracy means that the network gets too sure of itself: its few mistakes cost more.",
                "If it matters how sure it is, look at the calibration, and try label smoothing or Mixup; if accuracy begins to fall, use more augmentation or fewer epochs."),
        answer="Not in the sense that matters: accuracy still improves. The network becomes overconfident, so that its mistakes cost more loss. I would go on, watch the accuracy at the end of the cycle, and look at the calibration if probabilities are used.",
        hints=("Which of the three numbers is what you want?", "What makes a loss large although most answers are right?")),
]

def _t(n):
    from scipy.stats import t
    return t.ppf(.975, n - 1)
