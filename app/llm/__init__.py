"""Models: one protocol, adapters for OpenAI and Anthropic, and the rules for failing over.

The only room that imports the providers' SDKs. Whatever a provider does, this room answers with
text, a validated assessment, an account of what the attempt used, or one of its own errors.
"""
