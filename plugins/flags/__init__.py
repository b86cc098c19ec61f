"""Feature flags and experiments by GrowthBook's rules, with a transport of our own.

GrowthBook's client decides; it never touches the network here. What it decides by comes from the
flags that ship with the product, then from the copy that all instances share, then from GrowthBook
itself, through a poller and a signed webhook. Whatever fails, the last flags that were good go on.
"""
