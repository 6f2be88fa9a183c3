"""Templates of reports: one YAML file each, that a person can read and add to.

Here: what is asked in a report, and the words that are offered, in English and in French.
Not here: how a report is written down (objects/reports/).
"""
