"""Heap."""


def sections(material, options):
    return ()
