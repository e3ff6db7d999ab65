"""What README tells a reader to type."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from support.whole_runs import ROOT

README = (ROOT / "README.md").read_text("utf-8")
#: Where a run of conf/base leaves its models, which is what README names.
MODELS = "data/06_models"


def snippets() -> list[str]:
    """The blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(text: str = README) -> list[str]:
    """What stands behind every `kedro run` of a page, without comments."""
    fenced = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = [line for block in fenced for line in re.findall(r"kedro run\b(.*)", block.replace("\\\n", " "))]
    found += re.findall(r"`[^`\n]*kedro run\b([^`\n]*[^`\n=])`", rest)
    return [re.split(r"\s#", command)[0].strip() for command in found]


def run_snippets(folder: Path, models: Path, image: Path, *, source: Path) -> list[str]:
    """Runs the snippets as a reader would, in a folder with a run's models and an image; returns what they print."""
    (folder / MODELS).parent.mkdir(parents=True)
    (folder / MODELS).symlink_to(models)
    shutil.copy(image, folder / "image.jpg")
    printed = []
    for snippet in snippets():
        environment = os.environ | {"PYTHONPATH": str(source)}
        command = [sys.executable, "-c", snippet]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, f"{snippet}\n{done.stderr}"
        printed.append(done.stdout)
    return printed
