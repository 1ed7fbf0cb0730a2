"""Chapter 2: what a reader's code is compared with."""


def presize_kept(height, width):
    "What part of a picture its largest centred square shows."
    return min(height, width) / max(height, width)

def presize_kept_cases(): return [(100, 100), (100, 200), (300, 200), (1, 7)]

def presize_kept_upright_only(height, width): return width / height

def presize_kept_height_by_width(height, width): return height / width

def presize_kept_in_pixels(height, width): return min(height, width)**2
