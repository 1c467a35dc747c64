"""The embedded model: scenes with ground-truth evidence, and the small vision-language model trained on them."""
