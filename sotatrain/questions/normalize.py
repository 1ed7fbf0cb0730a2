"""Chapter 4: normalization."""
from ..questionnaire import Choice, Code, FreeText, Number


def normalize(x, mean, std):
    "Each channel of n × c × h × w with mean 0 and standard deviation 1."
    return (x - mean[:, None, None]) / std[:, None, None]


def _cases():
    import torch
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(2, 3, 4, 5, generator=generator), torch.tensor([.5, .4, .3]), torch.tensor([.2, .3, .25])),
            (torch.rand(1, 3, 3, 3, generator=generator), torch.tensor([.1, .2, .9]), torch.tensor([1., .5, .1]))]


QUESTIONS = [
    Choice(
        id='normalize-what', chapter='normalize', right=1,
        prompt="What does this book mean by normalizing pictures?",
        options=(
            ("Dividing the values by 255.", "That brings them to 0 … 1, which is done anyway. Normalizing comes on top."),
            ("Subtracting a mean and dividing by a standard deviation, channel by channel, the same for all pictures.", "Then the values of each channel have mean 0 and standard deviation 1 over the training pictures."),
            ("Giving each picture the mean 0 and the standard deviation 1.", "That would remove what is brighter or darker from each picture. The statistics belong to the data set, not to one picture."),
            ("Cutting off values that are too large.", "That is clipping."))
        , hints=("It is the same for all pictures.", "Two numbers for each channel.")),
    Choice(
        id='normalize-pretrained', chapter='normalize', right=2,
        prompt="With a pretrained network (`vision_learner`), fastai normalizes without being asked; for one that starts from random weights you have to say it yourself. Why the difference?",
        options=(
            ("A pretrained network has no batch norm.", "Most have it."),
            ("A pretrained network needs it for speed.", "It costs and gains no time worth speaking of."),
            ("A pretrained network must get what it was trained on.", "It has only ever seen pictures that were normalized with certain statistics. They belong to its weights, and fastai knows them. For random weights there are none yet."),
            ("Random weights cannot be trained on normalized pictures.", "They can; it is your choice."))
        , hints=("What has the network seen in its first training?",)),
    Choice(
        id='normalize-scratch', chapter='normalize', right=0,
        prompt="An xresnet18 is trained from random weights for five epochs on Imagenette, with and without normalization, from three seeds. What do you expect?",
        options=(
            ("A small difference, or none that can be shown.", "Batch norm after the first layer takes out most of it."),
            ("Without it the training diverges.", "Values between 0 and 1 are harmless."),
            ("It helps by several points.", "Measured, it was +0.3 points (chapter 4). Many recipes list it as essential."),
            ("It hurts.", "There is no reason for that."))
        , hints=("Which layers normalize anyway?",)),
    Number(
        id='normalize-value', chapter='normalize', answer=(2.0, -1.0),
        prompt="A channel has the mean 0.4 and the standard deviation 0.2. What do the values 0.8 and 0.2 become?",
        why="(0.8 − 0.4)/0.2 = 2 and (0.2 − 0.4)/0.2 = −1.",
        traps=(((.4, -.2), "You subtracted the mean, but did not divide by the standard deviation."), ((-2., 1.), "Value minus mean, not mean minus value."),
               ((3.6, .6), "Subtract the mean first, then divide.")),
        hints=("How many standard deviations is 0.8 away from the mean?", "(value − mean) / standard deviation")),
    Code(
        id='normalize-code', chapter='normalize', answer=normalize, source="def normalize(x, mean, std):\n    return (x - mean[:, None, None]) / std[:, None, None]",
        prompt="Write `normalize(x, mean, std)` for a batch `x` (n × 3 × height × width) and statistics of three numbers each.",
        cases=_cases,
        mistakes=((lambda x, m, s: (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True), "You took the statistics of this batch. Use those that are given: they must be the same for all batches, and in prediction."),
                  (lambda x, m, s: (x - m.mean()) / s.mean(), "One number for all channels is not enough: each has its own mean and standard deviation."),
                  (lambda x, m, s: x * s[:, None, None] + m[:, None, None], "That is the way back.")),
        hints=("`mean` has the shape (3,). To which shape must it go so that it meets the channels?", "`mean[:, None, None]` is 3 × 1 × 1, which broadcasts over n, height and width.")),
    Choice(
        id='normalize-saved', chapter='normalize', right=1,
        prompt="`learn.save` writes a network's weights. Which statistics go along with them?",
        options=(
            ("Those of batch norm, and those of `Normalize`.", "`Normalize` is a transform of the data, and data are not saved with the weights."),
            ("Those of batch norm only.", "They are buffers of the model. `Normalize` belongs to the data: `learn.export` takes it along, `learn.save` does not."),
            ("Those of `Normalize` only.", "It is the other way round."),
            ("None.", "The model's buffers are saved like its weights."))
        , hints=("Which of them are inside the model?",)),
    FreeText(
        id='normalize-travel', chapter='normalize',
        prompt="A colleague gets your trained weights and 20 % accuracy; you had 95 %. The data are the same, and so is the order of the classes. What did you probably forget to hand over, and how could you have made that impossible?",
        rubric=("The statistics of the normalization (or the fact that there was one).", "Values that are shifted and scaled otherwise look to the network like pictures from another world.",
                "Hand over the learner with its transforms (`learn.export`), or put the normalization into the model itself."),
        answer="The statistics that the pictures were normalized with: without them the network gets inputs that it has never seen. Export the learner with its transforms, or make the normalization a layer of the model, so that it travels with the weights.",
        hints=("What happens to a picture before the first layer?",)),
]
