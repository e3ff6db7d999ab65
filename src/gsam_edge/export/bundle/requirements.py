"""What pip installs on the device, pinned."""

from importlib.metadata import PackageNotFoundError, version

from gsam_edge.vision.errors import UserError

#: Packages of every bundle, and of a video.
_ALWAYS, _VIDEO = ("numpy", "pillow"), ("opencv-python-headless",)
#: Engines that pip does not bring to a device: JetPack does, or NVIDIA's own package index.
_BROUGHT_ALONG = frozenset({"tensorrt"})
#: The project itself needs Python 3.11. These are the last versions for 3.10, where the installed ones do not exist.
_ON_PYTHON_3_10 = {"numpy": "2.2.6", "pillow": "12.3.0", "onnxruntime": "1.23.2"}


def requirements(engine: str) -> str:
    """Returns the content of requirements.txt for an engine, a name of `runtime.engines.table.ENGINES`.

    The versions are those that are installed here, with which the student was measured.

    Raises:
        UserError: if one of them is not installed.
    """
    return _pinned((*_ALWAYS, *((engine,) if engine not in _BROUGHT_ALONG else ())))


def video_requirements() -> str:
    """Returns the content of requirements-video.txt, which is needed for videos and cameras alone."""
    return _pinned(_VIDEO)


def _pinned(names: tuple[str, ...]) -> str:
    lines = []
    for name in names:
        if name in _ON_PYTHON_3_10:
            lines.append(f'{name}=={_installed(name)} ; python_version >= "3.11"')
            lines.append(f'{name}=={_ON_PYTHON_3_10[name]} ; python_version < "3.11"')
        else:
            lines.append(f"{name}=={_installed(name)}")
    return "".join(f"{line}\n" for line in lines)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise UserError(
            f"bundle: expected {name}, whose installed version it pins, got none; pip install {name}"
        ) from error
