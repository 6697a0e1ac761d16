"""What must survive: the journal, a venue's store, and the lock that keeps a second daemon out."""
