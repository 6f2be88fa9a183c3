"""The worklist of a RIS (PS3.4 annex K), as service class user.

Here: the query, what an answer becomes, asking, the refresh in the background.
Not here: the item as a value (model/), where items are kept (store/exams/).
"""
