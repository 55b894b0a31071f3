"""Install what package-lock.json names into a folder outside the checkout.

Run it as ``python tests/interop/hosts/install.py FOLDER``. A folder that holds it already is left
as it is. npm runs no scripts of packages: the serial port's binding comes compiled.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json")
#: Written last, so that a folder with it is complete.
DONE = "installed"


def install(folder: Path) -> None:
    """Make ``folder`` hold exactly what the lock file says."""
    wanted = "".join((HERE / name).read_text("utf-8") for name in FILES)
    done = folder / DONE
    if done.is_file() and done.read_text("utf-8") == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / name, folder / name)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm: found none on the path, wanted one to install zigbee-herdsman")
    subprocess.run([npm, "ci", *quiet], cwd=folder, check=True)
    done.write_text(wanted, "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tests/interop/hosts/install.py FOLDER")
    install(Path(sys.argv[1]))
