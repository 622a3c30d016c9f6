# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian package of a build folder."""
import glob
import os
import re
import shutil
import subprocess


def why_not(released):
    """None, or why no package can be made here."""
    for tool in ('cpack', 'dpkg-deb', 'dpkg-shlibdeps', 'gzip'):
        if not shutil.which(tool):
            return f'there is no {tool} here'
    with open(os.path.join(released, 'CMakeCache.txt'), encoding='utf-8') as file:
        cache = file.read()
    if not re.search(r'(?m)^CMAKE_INSTALL_PREFIX:\w+=/usr$', cache):
        return 'this build is not made for /usr; the release preset is'
    return None


def make_package(released, folder):
    done = subprocess.run(('cpack', '--config', os.path.join(released, 'CPackConfig.cmake'), '-B', folder),
                          capture_output=True, text=True, timeout=150, check=False)
    found = glob.glob(os.path.join(folder, '*.deb'))
    if done.returncode != 0 or len(found) != 1:
        raise RuntimeError(done.stdout + done.stderr)
    return found[0]
