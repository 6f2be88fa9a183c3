"""The newest frame of a probe as a picture for viewers.

Here: its geometry, its JPEG, the rate, the thread that makes pictures while a viewer watches.
Not here: who watches, and over what (web/live).
"""
