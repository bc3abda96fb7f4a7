"""One module per kind of authenticator, pure: what it computes and decides, without store, clock or network."""
