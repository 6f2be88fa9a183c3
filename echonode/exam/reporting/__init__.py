"""Reports and presentation states of an exam: what goes into them, and their objects made.

Here: the choice of measurements and images, the making in the background.
Not here: the objects themselves (objects/reports/, objects/presentation/), their rows
(store/exams/), results for a RIS (exam/hl7/).
"""
