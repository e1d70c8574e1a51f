"""The generated messages and stubs of `sightline.v1`. Written by `scripts/generate`; never edited by hand."""
