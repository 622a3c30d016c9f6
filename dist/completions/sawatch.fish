# SPDX-License-Identifier: GPL-3.0-or-later
# fish completion for sawatch.  Commands, options, conditions and settings are asked of the program.

function __sawatch_commands
	sawatch --help 2>/dev/null | sed -nE '/^Commands$/,/^$/s/^  ([a-z]+) +(.*)/\1\t\2/p'
end

function __sawatch_command
	set -l words (commandline -opc)
	test (count $words) -gt 1; and not string match -q -- '-*' $words[2]; and echo $words[2]
end

function __sawatch_options
	sawatch (__sawatch_command) --help 2>/dev/null | grep -oE '(^|[^[:alnum:]-])-(-[a-z][a-z-]*|[A-Za-z])' | grep -oE -- '-.*' | sort -u
end

function __sawatch_conditions
	sawatch explain 2>/dev/null | sed -nE 's/^([a-z][a-z_]*) +(.*)/\1\t\2/p'
end

function __sawatch_settings
	sawatch config --defaults 2>/dev/null | sed -nE 's/^(# )?([a-z0-9_]+(\.[a-z0-9_]+)*) = .*/\2=/p' | grep -vE '^(peers|profile)='
end

function __sawatch_after
	contains -- (commandline -opc)[-1] $argv
end

set -l valued -i --interface -r --read -w --write -o --db --config --check --metrics-file --set --fail-on --severity --stale --kind --code --ignore -Z --user
complete -c sawatch -f
complete -c sawatch -n 'test (count (commandline -opc)) -eq 1' -a '(__sawatch_commands)'
complete -c sawatch -n "string match -q -- '-*' (commandline -ct); and not __sawatch_after $valued" -a '(__sawatch_options)'
complete -c sawatch -n '__sawatch_after -i --interface' -a "(sawatch -D 2>/dev/null | cut -d' ' -f1)"
complete -c sawatch -n '__sawatch_after -r --read -w --write -o --db --config --check --metrics-file' -F
complete -c sawatch -n '__sawatch_after --set' -a '(__sawatch_settings)'
complete -c sawatch -n '__sawatch_after --fail-on --severity' -a 'info warning critical'
complete -c sawatch -n '__sawatch_after --stale' -a 'unknown warning critical'
complete -c sawatch -n '__sawatch_after --kind' -a 'ike child esp'
complete -c sawatch -n '__sawatch_after --code --ignore' -a '(__sawatch_conditions)'
complete -c sawatch -n '__sawatch_after -Z --user' -a '(__fish_complete_users)'
complete -c sawatch -n "contains -- (__sawatch_command) explain why; and not __sawatch_after $valued" -a '(__sawatch_conditions)'
complete -c sawatch -n "contains -- help (__sawatch_command)" -a '(__sawatch_commands)'
