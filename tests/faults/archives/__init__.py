"""Archives that break off after any byte, and pairs of archives; the one that follows a script is
echonode/commands/lying_pacs.
"""
