"""Check the viewers' JavaScript as a browser gets it, its files joined, by TypeScript.

    python -m tools.check_js

The files have no build step: their types stand in JSDoc comments, which TypeScript reads and a
browser skips. npm installs TypeScript into `build/js` when it is first needed; without npm, a `tsc`
on the path serves.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from nbica.viewer import page

ROOT = Path(__file__).parents[1]
# The last TypeScript that is written in JavaScript: it runs wherever node does.
TYPESCRIPT = "typescript@5.9.3"
OPTIONS = [
    "--allowJs", "--checkJs", "--noEmit", "--strict", "--noUnusedLocals", "--noUnusedParameters",
    "--noFallthroughCasesInSwitch", "--target", "es2022", "--module", "es2022",
    "--lib", "es2024,dom,dom.iterable", "--pretty", "false",
]  # fmt: skip


def files():
    """The files of a page in their order."""
    return [*page.DESK_SCRIPTS, "start.js"]


def find_compiler():
    """The command that runs TypeScript; None where there is none yet."""
    installed = ROOT / "build" / "js" / "node_modules" / "typescript" / "bin" / "tsc"
    if installed.exists() and shutil.which("node"):
        return ["node", str(installed)]
    return ["tsc"] if shutil.which("tsc") else None


def install_compiler():
    """Let npm install TypeScript into `build/js`."""
    folder = ROOT / "build" / "js"
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(folder), "--no-save", "--no-package-lock", "--silent"]
    subprocess.run(["npm", "install", *options, TYPESCRIPT], check=True)


def complaints(compiler):
    """What TypeScript finds, each with the file and line that a person edits.

    Parameters
    ----------
    compiler : list of str
        The command that runs it.

    Returns
    -------
    list of str
    """
    with TemporaryDirectory() as folder:
        joined = Path(folder, "joined.js")
        joined.write_text(_joined(), encoding="utf-8")
        command = [*compiler, *OPTIONS, str(joined)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode and not found.stdout:
        raise RuntimeError(found.stderr)
    return [_with_place(line) for line in found.stdout.splitlines()]


def _joined():
    module = page.module(*page.DESK_SCRIPTS, render="renderComponents")
    return f"{module}{page.read('js/start.js')}\nexport {{ renderSlices }};\n"


def _with_place(line):
    found = re.match(r".*joined\.js\((\d+),\d+\): (.*)", line)
    if not found:
        return line
    name, number = _place(int(found[1]))
    return f"{name}:{number}: {found[2]}"


def _place(number):
    """File and line there of a line of the joined text."""
    for name in files():
        if name == "start.js":
            number -= 2  # what `page.module` adds
        length = page.read(f"js/{name}").count("\n") + 1
        if number <= length:
            return name, number
        number -= length
    return "the end", number


def main():
    """Print what TypeScript finds; 1 if it found anything."""
    if find_compiler() is None:
        if not shutil.which("npm"):
            print("check_js: neither npm nor tsc is on the path; install Node.js")
            return 1
        install_compiler()
    found = complaints(find_compiler())
    print("\n".join(found) or f"{len(files())} files of JavaScript, nothing to complain about")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
