"""A drawing process: `python -m sotatrain.doodlenette ORDER` draws a share of a data set."""
import json
import sys

from .dataset import draw_share

if __name__ == '__main__': draw_share(*json.loads(sys.argv[1]))
