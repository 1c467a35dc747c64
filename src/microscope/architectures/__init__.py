"""Reviewed local implementations of architectures that transformers does not have; knows nothing else of ours.

A module here belongs to the catalogue entries that name it as their `architecture`. It has one public function,
`register()`, which tells transformers' Auto classes about its configuration, model and processor; it is called once in
each process, before the first checkpoint of that architecture loads. Code that comes with a checkpoint never runs.
"""
