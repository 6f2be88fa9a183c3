"""HTTP mechanics and the console; imports no other part: the node hands it routes and callables.

Here: the server, its guard, its answers, the page.
Not here: what the answers say (monitoring/).
"""
