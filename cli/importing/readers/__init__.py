"""One module for each format: a file in, one neutral record for each user out, line by line."""
