"""The families whose geometry is known, each in a file of its own; another one is a file and an entry in `FAMILIES`.

A model type belongs to a family only if its processor and its model were read and do the same. All others are
measured.
"""

from microscope.lens.families import florence2, gemma3, idefics, internvl, llava_next, llava_onevision, plain, qwen
from microscope.lens.families.family import Family

FAMILIES: tuple[Family, ...] = (
    idefics.FAMILY,
    qwen.FAMILY,
    plain.FAMILY,
    gemma3.FAMILY,
    llava_next.FAMILY,
    llava_onevision.FAMILY,
    internvl.FAMILY,
    florence2.FAMILY,
)
