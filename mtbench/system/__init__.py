"""System: what the operating system gives and takes: files, signals, processes, the console."""
