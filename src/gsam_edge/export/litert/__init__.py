"""The way to LiteRT: its converter needs an environment of its own, so that it is a program of its own, too."""
