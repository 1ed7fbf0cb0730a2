"""Marked numbers in prose: what they look like. `tools.numbers` says what they mean."""
import re

SPAN = re.compile(r'<!-- (?P<source>[\w.-]+): (?P<query>.+?)(?: \| (?P<form>[^|]+?))? -->'
                  r'(?P<text>.*?)<!-- / -->', re.S)
