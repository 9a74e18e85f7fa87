"""Shared by the sample models: importable beside the primary source."""


def score(amount, income):
    return round(float(amount) / float(income), 4)
