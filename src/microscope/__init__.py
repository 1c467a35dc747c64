"""VLM Microscope: the same image and question through several vision-language checkpoints, side by side."""

__version__ = "0.5.0"
