"""Films on paper: Basic Grayscale Print Management as SCU (PS3.4 annex H).

Here: layouts and films as values, their attributes and pixels, the conversation with a printer,
and the worker of each printer.
Not here: the queue (store/printing/), which frames a person wants (node/), how a frame is decoded
(transcoding/).
"""
