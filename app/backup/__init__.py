"""Back-ups: a copy of everything that is kept, read back before it counts, and put back whole.

`manifest` says what a back-up is made of and `folder` where several lie; `making` takes one while
all runs on, `reading` starts a server upon one, `restoring` puts one back where there is nothing,
and `erasures` sees to it that what was erased meanwhile does not come back.
"""
