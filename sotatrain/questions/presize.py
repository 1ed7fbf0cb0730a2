"""Chapter 2: decode once, crop many times."""
from ..questionnaire import Choice, Code, Number


def window_share(height, width):
    "What part of a picture its largest centred square shows."
    return min(height, width) / max(height, width)


QUESTIONS = [
    Choice(
        id='presize-once', chapter='presize', right=1,
        prompt="Which part of preparing a photograph takes much time, although it does the same in every epoch?",
        options=(
            ("Turning and flipping it.", "It takes time too, but it is different in each epoch, so it cannot be stored."),
            ("Decoding its file, and resizing it.", "So it is done once, and the small square is stored. Crops come from it in each epoch."),
            ("Dividing its values by 255.", "A single pass over a small crop, hardly measurable."),
            ("Shuffling.", "Shuffling moves numbers, not pictures."))
        , hints=("It happens before anything random does.",)),
    Choice(
        id='presize-squish', chapter='presize', right=2,
        prompt="To have pictures of one shape, one can *squish* each whole picture into a square (and note its aspect ratio), or cut out its centre square. Why does this book's store squish?",
        options=(
            ("Squished pictures take less memory.", "Both are squares of the same number of pixels."),
            ("Networks learn better from squished pictures.", "They are not shown squished ones: the crop undoes it."),
            ("A cut loses the ends of the picture for ever.", "Squishing cuts nothing off (the longer side loses some resolution). And undoing the squish costs nothing, since it becomes part of the crop's own matrix."),
            ("The aspect ratio would be lost.", "It could be stored in both cases."))
        , hints=("What can a random crop show later on?", "A cut cannot be undone.")),
    Choice(
        id='presize-one-interpolation', chapter='presize', right=0,
        prompt="Rotation, zoom, flip and un-squishing are each an affine map. What does it gain to multiply their matrices first?",
        options=(
            ("One interpolation instead of several.", "Crops are sharper, and it takes less time. Each interpolation blurs a little and reads all pixels. The product of the matrices is one map."),
            ("Nothing in the result; it is only shorter code.", "Each interpolation blurs a little (all but a flip, which only moves pixels): the result is not the same."),
            ("The order of the maps no longer matters.", "It matters: matrices do not commute."),
            ("Crops become larger.", "Their size is what you ask for in both cases."))
        , hints=("What does each interpolation do to the picture?",)),
    Number(
        id='presize-memory', chapter='presize', answer=1.29, tolerance=.02,
        prompt="How many GB does a store of 13,394 pictures of 179 × 179 pixels take, with three colours of one byte each? (1 GB is a billion bytes.)",
        why="13,394 × 179 × 179 × 3 bytes = 1.29 GB. It fits on a GPU, and into the memory of a laptop.",
        traps=((.429, "You forgot the three colours."), (5.15, "You took four bytes for each value. The store keeps bytes; floating point is made crop by crop."),
               (1.2, "You divided by 1024³. Here a GB is a billion bytes.")),
        hints=("How many bytes has one picture?", "Pictures × height × width × colours × bytes.")),
    Code(
        id='presize-kept', chapter='presize', answer=window_share, source="def kept(height, width):\n    return min(height, width) / max(height, width)",
        prompt="Write `kept(height, width)`: what part of a picture's area does its largest centred square show?",
        cases=lambda: [(100, 100), (100, 200), (300, 200), (1, 7)],
        mistakes=((lambda h, w: w / h if h else 0, "That is right for upright pictures only. Divide the shorter side by the longer one."),
                  (lambda h, w: h / w, "For a picture that is higher than wide this is more than 1, and a share cannot be."),
                  (lambda h, w: min(h, w)**2, "That is the square's area. Divide it by the area of the picture.")),
        hints=("The square's side is the shorter of the two.", "Its area, divided by the picture's.")),
]
