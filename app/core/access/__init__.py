"""Who is let in: keys as they stand, open streams, limits, and the secret behind all digests."""
