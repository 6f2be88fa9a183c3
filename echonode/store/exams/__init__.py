"""What the store keeps of exams: their states and captures, the worklist, procedure steps.

Here: small repositories, each of one or two tables; every change is durable on return.
Not here: what may happen to an exam (model/exam_state.py), the network (exam/).
"""
