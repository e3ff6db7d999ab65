"""Files of safetensors as others make them, and such that its reader takes and PyTorch cannot."""

import json
import struct


def of_a_type_that_pytorch_lacks(name: str) -> bytes:
    """Returns a sound file of one tensor of this name, one number in a format of 8 bits for scales (F8_E8M0)."""
    header = json.dumps({name: {"dtype": "F8_E8M0", "shape": [1], "data_offsets": [0, 1]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0"


def without_digest(content: bytes) -> bytes:
    """Returns a file without the digest by which a change is noticed, so that the change itself is what is seen."""
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    del header["__metadata__"]["sha256"]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[size:]


def with_a_flipped_bit(content: bytes) -> bytes:
    """Returns a file of which the last bit of all numbers is another."""
    return content[:-1] + bytes([content[-1] ^ 1])
