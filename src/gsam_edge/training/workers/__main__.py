"""The process of a worker; `LocalCrew` starts it and sends it pickled messages over its standard streams."""

import signal

from gsam_edge.training.interpreter import own_streams
from gsam_edge.training.workers.member import serve

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal, and the parent decides
    serve(*own_streams())
