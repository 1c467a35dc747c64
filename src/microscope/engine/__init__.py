"""Load, keep and run checkpoints; the one door to the accelerator.

Importing the room repairs torchvision first thing: without it, no processor of transformers imports beside a torch
that was built for the CPU.
"""

from microscope.engine.torchvision_repair import repair_torchvision

repair_torchvision()
