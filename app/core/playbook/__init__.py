"""Reading a playbook file: its shape, its meaning, and every mistake explained with its line."""
