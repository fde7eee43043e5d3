"""What cannot be imported, as after an upgrade that went wrong."""

raise ImportError("acme_driver 7 is needed")
