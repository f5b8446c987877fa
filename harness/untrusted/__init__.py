"""Reading files of other people: logs, documents, YAML, HDF5 and archives, bounded and without trust."""
