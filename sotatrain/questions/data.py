"""Chapter 1: the data set, presizing, an honest split."""
from ..questionnaire import Choice, FreeText, Number

QUESTIONS = [
    Choice(
        id='data-imagenette-or-imagenet', chapter='data', right=1,
        prompt="You have an idea for a new loss. On which data do you try it first?",
        options=(
            ("On ImageNet, because only its result counts in the end.", "A run takes days there. You would test one idea while others test a hundred, and most ideas fail."),
            ("On Imagenette, because a run takes minutes there.", "Ten classes of real photographs: what helps here has a fair chance on the large set, and what fails here is found in minutes. Ideas that survive are then tried on the large one."),
            ("On MNIST, because a run takes seconds there.", "It is too easy: nearly everything gets 99 % there, so it cannot tell a good idea from a bad one."),
            ("On two pictures, because that is fastest of all.", "This finds bugs, and is worth doing. But a network that learns two pictures by heart tells nothing about ideas."))
        , hints=("How many ideas can you try in a day?", "It should be fast, and hard enough to tell good from bad.")),
    Choice(
        id='data-what-imagenette', chapter='data', right=2,
        prompt="What is Imagenette, compared with ImageNet?",
        options=(
            ("The same pictures at a smaller size.", "Some versions of it are smaller in pixels too, but that is not the main thing."),
            ("A synthetic copy of it.", "Its pictures are ImageNet's own photographs. (Doodlenette is the drawn one.)"),
            ("Ten of its thousand classes, which are easy to tell apart.", "13,394 photographs instead of 1.3 million: a network that starts from nothing learns them in minutes. (Imagewoof is the same with classes that are hard to tell apart.)"),
            ("Its validation set.", "It has a training and a validation set of its own."))
        , hints=("How many classes has each?",)),
    Choice(
        id='data-first-step', chapter='data', right=2,
        prompt="You start a project with a data set of your own: two million photographs. What is the first step?",
        options=(
            ("Train the largest network that fits into memory on all of it.", "Your first experiment would be over next week, and its first bug would be found then."),
            ("Search for the best augmentation.", "Against what would you compare it? There is no baseline, and no run that is short enough."),
            ("Make a small subset on which a run takes minutes, and a baseline on it.", "Then you can try ideas by the dozen. Keep its validation pictures honest, and look at the pictures while you are at it."),
            ("Normalize with the statistics of the data.", "That takes a line, and changes little when you train from random weights. It is no first step."))
        , hints=("What decides how much you learn in a day?", "Something must become small.")),
    Choice(
        id='data-leak', chapter='data', right=0,
        prompt="A data set has no fixed split. You draw a random 20 % for validation at 128 px, train, then draw again at 224 px and go on training. The accuracy is splendid. Why should you not believe it?",
        options=(
            ("Most of the second validation pictures were trained on at 128 px.", "The network has seen their answers. Fix the split once (for Imagenette, `GrandparentSplitter(valid_name='val')` takes its own), and let all stages use it; `check_no_leak` tells."),
            ("The validation set is too small.", "A fifth of the data is plenty. Its size is not what is wrong."),
            ("Accuracy at 224 px cannot be compared with that at 128 px.", "It can, if both are measured on the same pictures that were never trained on. Here they are not."),
            ("Random splits are always wrong.", "A single random split with a fixed seed is fine, if the pictures are independent of each other. Two different ones are the trouble."))
        , hints=("Which pictures did the first stage train on?", "Take one picture of the second validation set. How likely was it a training picture before?")),
    Number(
        id='data-leak-share', chapter='data', answer=.8,
        prompt="Once more, 20 % of the pictures are drawn for validation twice, independently, once for each stage of a training. What share of the second stage's validation pictures were training pictures of the first stage? (From 0 to 1.)",
        why="A picture of the second validation set was in the first training set with probability 0.8, whatever else happened.",
        traps=((.2, "0.2 is the share that was in the *validation* set both times. The question is for those that were trained on."),
               (.16, "You multiplied 0.2 by 0.8: that is the share of *all* pictures. The question starts from a validation picture of the second stage."),
               (.64, "That would be the share of all pictures that are trained on both times."), (80., "Give it as a share, from 0 to 1.")),
        hints=("Take one validation picture of the second stage, and look back.", "The first draw knew nothing about the second.")),
    Choice(
        id='data-wrong-labels', chapter='data', right=3,
        prompt="`noisy_labels(path, 25)` makes a quarter of the labels in *one* of the two sets wrong, of training or of validation. Which set keeps its true labels, and why?",
        options=(
            ("Neither: both get wrong ones.", "Then the accuracy would be measured against wrong answers, and even a perfect network would look bad."),
            ("It differs from class to class.", "Mistakes are spread over all classes of one set."),
            ("The training set, so that the network learns the truth.", "It is the other way round. Training with mistakes is the experiment."),
            ("The validation set, so that the measure is true.", "You want to know how well a network trained on mistakes answers, so the answers that you compare with must be right."))
        , hints=("What do you want to measure?", "Mistakes in training are the experiment; mistakes in the ruler are a mistake.")),
    FreeText(
        id='data-why-presize', chapter='data',
        prompt="Presizing makes every picture into a large square first, and crops it at random only then, when it is part of a batch. Why in two steps? Explain it to a friend who knows what a crop is.",
        rubric=("Pictures of one size can be stacked to a batch, so the second step can work on the whole batch at once, on the GPU.",
                "The square is larger than the final crop, so rotating and zooming have something to cut from, and there are fewer empty corners.",
                "The geometric changes of the second step are combined instead of done one after the other, so fewer interpolations blur the picture."),
        answer="A GPU works on whole batches, and a batch needs pictures of one size, so each picture is first brought to a square that is larger than needed. From it, rotation and zoom can be done in one go instead of one after the other, so that less gets blurred, and there are pixels for the corners.",
        hints=("What must be equal for all pictures of a batch?", "Think of the corners of a rotated picture, and of what interpolating twice does.")),
]
