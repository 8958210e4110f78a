"""What repositories have to do with each other: facts of files, joined into a map."""
