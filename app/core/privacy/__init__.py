"""What identifies people, and how it gives way to placeholders before a model reads it."""
