"""Telling the world: what leaves this process for addresses that others chose.

Webhooks for operators' systems and Web Push for people's browsers. Everything goes through one
guarded client, and nothing but ids and a status goes out.
"""
