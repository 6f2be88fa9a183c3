"""What comes in, made durable: captures of the probes, and instances that peers send.

Here: from an acquisition or a C-STORE to a committed instance.
Not here: how datasets are made (objects/), how they are kept (store/).
"""
