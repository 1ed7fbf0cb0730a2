"""Chapter 5: what a reader's code is compared with."""


def resizing_schedule(progress, small, large, multiple):
    "Linear from small to large, in multiples, rounded."
    return multiple * round((small + progress * (large - small)) / multiple)

def resizing_schedule_cases():
    return [(0., 32, 64, 8),
            (1., 32, 64, 8),
            (.3, 32, 64, 8),
            (.6, 128, 224, 32),
            (.9, 48, 80, 16)]

def resizing_schedule_cut_off(progress, small, large, multiple):
    return multiple * int((small + progress * (large - small)) / multiple)

def resizing_schedule_no_multiple(progress, small, large, multiple):
    return small + progress * (large - small)

def resizing_schedule_from_zero(progress, small, large, multiple):
    return resizing_schedule(progress, 0, large, multiple)
