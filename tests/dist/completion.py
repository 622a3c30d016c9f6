#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the shells offer.  bash is asked as readline would ask it; zsh and fish read their files
where they are installed.

usage: completion.py SAWATCH SOURCE
"""
import os
import shutil
import subprocess
import sys
import tempfile

from watching import check, problems

ASK = '''
source "$1"; shift
complete -p sawatch >/dev/null || exit 3
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_sawatch "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
'''


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


class Bash:
    def __init__(self, sawatch, completions):
        self.sawatch, self.file = sawatch, os.path.join(completions, 'sawatch.bash')

    def offers(self, *words, where=None):
        done = subprocess.run(('bash', '-c', ASK, 'bash', self.file, self.sawatch) + words, capture_output=True, text=True,
                              timeout=60, check=False, cwd=where)
        if done.returncode != 0 or done.stderr:
            check(False, f'bash completes {words}', done)
        return [o for o in done.stdout.split('\n') if o]


def bash(sawatch, completions):
    ask = Bash(sawatch, completions)
    commands = [line.split()[0] for line in output(sawatch, '--help').stdout.split('\nCommands\n')[1].split('\n\n')[0].splitlines()]
    conditions = [line.split()[0] for line in output(sawatch, 'explain').stdout.splitlines() if line]
    settings = [line.split(' = ')[0] + '=' for line in output(sawatch, 'config', '--defaults').stdout.splitlines()
                if ' = ' in line and line[0] != '#']
    check(len(commands) > 8 and ask.offers('') == commands, 'all commands, in the order of the help', (ask.offers(''), commands))
    check(ask.offers('ex') == [c for c in commands if c.startswith('ex')], 'commands that begin so', ask.offers('ex'))
    check(ask.offers('explain', '') == conditions, 'all conditions', ask.offers('explain', ''))
    check(ask.offers('explain', 'spi_') == ['spi_churn'], 'conditions that begin so')
    check(ask.offers('check', '--db', 'x', '--ignore', 'mirror') == ['mirror_duplicates'], 'conditions of an option')
    offered = ask.offers('-i', 'x', '--set', '')
    check(set(settings) <= set(offered) and 'output.syslog=' in offered and 'peers=' not in offered, 'all settings',
          set(settings) ^ set(offered))
    check(ask.offers('-r', 'x', '--set', 'churn.age') == ['churn.age_warn_s=', 'churn.age_crit_s='], 'settings that begin so',
          ask.offers('-r', 'x', '--set', 'churn.age'))
    check({'--db', '--json', '--fail-on', '-r', '-i'} <= set(ask.offers('-')), 'options', ask.offers('-'))
    check(ask.offers('--fai') == ['--fail-on'], 'options that begin so', ask.offers('--fai'))
    check('--csv' in ask.offers('tunnels', '--') and '--fail-on' not in ask.offers('tunnels', '--'), 'options of a command',
          ask.offers('tunnels', '--'))
    for option, values in (('--fail-on', ['info', 'warning', 'critical']), ('--kind', ['ike', 'child', 'esp'])):
        check(ask.offers('x', option, '') == values, f'values of {option}')
    check('any' in ask.offers('-i', ''), 'interfaces', ask.offers('-i', ''))
    check('root' in ask.offers('-i', 'any', '-Z', 'roo'), 'users')
    with tempfile.TemporaryDirectory() as folder:
        for name in ('a.pcap', 'b c.pcap'):
            with open(os.path.join(folder, name), 'w', encoding='utf-8'):
                pass
        for words in (('-r', ''), ('-r', 'x', ''), ('alerts', '--db', ''), ('-i', 'x', '-w', '')):
            check(sorted(ask.offers(*words, where=folder)) == ['a.pcap', 'b c.pcap'], f'files after {" ".join(words)}',
                  ask.offers(*words, where=folder))
    check(ask.offers('check', '-w', '') == [], 'but a range is no file')


def others(completions):
    for shell, file in (('zsh', '_sawatch'), ('fish', 'sawatch.fish')):
        if not shutil.which(shell):
            print(f'     no {shell} here to read its file')
            continue
        done = output(shell, '-n', os.path.join(completions, file))
        check(done.returncode == 0 and not done.stderr, f'{shell} understands its file', done)
    if shutil.which('fish'):
        file = os.path.join(completions, 'sawatch.fish')
        offered = output('fish', '-c', f'source {file}; complete -C "sawatch explain spi_"').stdout
        check(offered.startswith('spi_churn'), 'fish completes conditions', offered)


def main():
    sawatch, completions = os.path.abspath(sys.argv[1]), os.path.join(os.path.abspath(sys.argv[2]), 'dist', 'completions')
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(sawatch, os.path.join(folder, 'sawatch'))
        os.environ['PATH'] = folder + os.pathsep + os.environ['PATH']
        bash('sawatch', completions)
        others(completions)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
