"""Sections of the configuration as the parts' own values.

Here: one module for each part that is configured.
Not here: the configuration's form and its checks (config/).
"""
