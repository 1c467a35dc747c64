"""From results to what they say: an `Analysis`, in which every number carries what makes it honest."""

from microscope.evaluation.analyse.whole import analyse

__all__ = ["analyse"]
