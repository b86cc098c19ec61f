"""Decisions: what to ask next, what was understood, how urgent it is, what the result says.

The core takes values and returns values or streams of them. Models reach it through the protocol
in `app.llm.model`, stored cases through `app.state`; it knows neither HTTP nor Litestar.
"""
