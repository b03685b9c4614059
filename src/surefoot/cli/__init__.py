"""The command line: one file a command. A command parses, calls the library, and shows what it returns."""
