"""Other tools' files: each module turns one format into `benchdb.records.Imported`."""
