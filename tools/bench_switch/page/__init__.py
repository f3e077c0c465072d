"""The bench switch's page: what the command line does to the books, for a browser on the same machine."""
