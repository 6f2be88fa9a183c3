"""The fault programme: a real node under attack, judged from outside.

Rules
- The node is a process (`echonode run`); the attacker, the prober and the judge share no code with
  it. Sessions are bytes made by hand (echonode/commands/lying_pacs/wire), to be cut anywhere.
- Whatever the attack, the oracle asks the same of it: a C-ECHO answered within a second throughout,
  threads, descriptors and memory back where they were, nothing acknowledged that is not on disk and
  in the index with the same bytes, no temporary file left, no error in its log.
- How often each fault is tried is in programme.py: a quick number for every change, a full one for
  `make faults`. Mutations are drawn from a fixed seed: what failed once fails again.
- Deadlines that a test cannot wait for are shortened by nodes/changed_limits.py; nothing else of
  the node is changed. The real ones are waited for in the full programme.

Folders
- nodes/: what is attacked; callers/, archives/, disks/: who or what attacks; lives/: short pieces
  of a node's life that can end at any step; judging/: books of what all saw, and the verdict.
- test_*.py: a scenario or two each; its number is in the head of the file and in programme.py.
"""
