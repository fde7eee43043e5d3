"""Where the program starts; nobody else imports this.

Ctrl-C while modules load ends the program without a word: there is nothing to clean up yet.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from neuedge_nir.cli.main import entry as entry  # noqa: E402 - after the signal, which it is for
