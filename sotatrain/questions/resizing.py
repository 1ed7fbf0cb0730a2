"""Chapter 5: progressive resizing."""
from ..questionnaire import Choice, Code, FreeText, Number


def size_at(progress, small, large, multiple):
    "Linear from small to large, in multiples, rounded."
    return multiple * round((small + progress * (large - small)) / multiple)


QUESTIONS = [
    Choice(
        id='resizing-what', chapter='resizing', right=0,
        prompt="What is progressive resizing?",
        options=(
            ("Training on small pictures first, and on large ones at the end.", "Most epochs are then cheap, and the last ones adapt the network to the size that counts."),
            ("Making the network larger while it trains.", "The network stays as it is; the pictures grow."),
            ("Predicting at several sizes and averaging.", "That is a kind of test-time augmentation."),
            ("Storing the pictures at several sizes.", "This may help to do it, but it is not the idea."))
        , hints=("Something grows, and it is not the network.",)),
    Choice(
        id='resizing-why', chapter='resizing', right=3,
        prompt="Why can a network go on at another size with the weights that it has?",
        options=(
            ("Because its last layer is trained anew.", "It is kept as well."),
            ("Because pictures are scaled to one size inside the network.", "They are not."),
            ("Because weights are interpolated, too.", "No weight changes."),
            ("Because no layer's weights depend on the size.", "The last one works on an average over all places. A 3 × 3 filter finds an edge in a picture of any size, and the average over places has the same length for all."))
        , hints=("How many weights has a 3 × 3 convolution for a picture of 64 px, how many for one of 128 px?",)),
    Number(
        id='resizing-cost', chapter='resizing', answer=.25, tolerance=.04,
        prompt="If the time were proportional to the number of pixels: what part of the time of an epoch at 128 px does one at 64 px take? (From 0 to 1.)",
        why="Half the side is a quarter of the pixels. Measured, it is more than that, because some work does not depend on the pixels.",
        traps=((.5, "Half the side, but a picture has two of them."), (4., "You turned it around."), (.125, "A picture has two sides, not three.")),
        hints=("Pixels are height × width.",)),
    Code(
        id='resizing-schedule', chapter='resizing', answer=size_at, source="def size_at(progress, small, large, multiple):\n    return multiple * round((small + progress * (large - small)) / multiple)",
        prompt="Write `size_at(progress, small, large, multiple)`: the side of the pictures at a share `progress` (0 to 1) of the training, if it grows evenly from `small` to `large`, rounded to the nearest `multiple`.",
        cases=lambda: [(0., 32, 64, 8), (1., 32, 64, 8), (.3, 32, 64, 8), (.6, 128, 224, 32), (.9, 48, 80, 16)],
        mistakes=((lambda p, a, b, m: m * int((a + p*(b - a)) / m), "You cut off instead of rounding to the nearest."),
                  (lambda p, a, b, m: a + p*(b - a), "It must be a whole multiple."),
                  (lambda p, a, b, m: m * round(p * b / m), "It starts at `small`, not at 0.")),
        hints=("First the size without rounding: a straight line.", "Divide by the multiple, round, multiply again.")),
    Choice(
        id='resizing-hurts', chapter='resizing', right=1,
        prompt="When is progressive resizing a bad idea?",
        options=(
            ("When you train from random weights.", "That is where it is used most."),
            ("When you fine-tune a pretrained network on a similar task.", "It knows such pictures at their usual size. It would first have to forget what it can do at that size, by training on small pictures."),
            ("When the files are larger than the crops.", "They usually are."),
            ("When you have several GPUs.", "It works on any number of them."))
        , hints=("For which network is the small stage a step back?",)),
    Choice(
        id='resizing-disk', chapter='resizing', right=2,
        prompt="Your files are 160 px. Would a last stage at 224 px show the network more detail?",
        options=(
            ("Yes: larger is always better.", "There is no detail in the files that the larger size could show."),
            ("Yes, because the GPU is better used.", "It works longer on the same information."),
            ("No: get larger files first.", "Enlarging invents nothing, and it costs twice the time."),
            ("No: a network accepts one size only.", "It accepts many. The reason is another one."))
        , hints=("Where would new detail come from?",)),
    Choice(
        id='resizing-drop', chapter='resizing', right=0,
        prompt="A network was trained at 64 px. You test it at 128 px, and it answers worse, although the pictures show more. In chapter 5's example of such a change, what explained most of it?",
        options=(
            ("Batch norm's statistics were measured at 64 px.", "Things look larger and smoother, so activations are distributed differently. Chapter 5 measures the statistics anew, without changing a weight, and in its example most of the accuracy is back."),
            ("The last layer has too few inputs.", "It gets an average over all places, which has the same length at every size."),
            ("The pictures have leaked.", "A leak would make it look better, not worse."),
            ("Larger pictures are harder to recognise.", "They show more; a network trained on them does better."))
        , hints=("Which numbers inside the network were measured, not learned?",)),
    FreeText(
        id='resizing-own', chapter='resizing',
        prompt="Try it in a project of your own, or plan it: which sizes, how many epochs at each, which learning rates, and with what would you compare it so that the comparison is fair?",
        rubric=("Sizes up to that of the files; most epochs at the small size.", "A lower rate in the last stage, because the network is nearly done.",
                "A fixed-size training that takes the same *time*, not the same number of epochs.", "One split for all stages; several seeds, and an interval for the difference."),
        answer="For example 96 px for 6 epochs and then 192 px for 2, at half the rate, on one fixed split, against as many epochs at 192 px as take the same time on the same machine, both from five seeds, looking at the interval of the paired differences.",
        hints=("Equal epochs or equal time?",)),
]
