# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for sawatch.  Commands, options, conditions and settings are asked of the program.

_sawatch_commands() {
	"$1" --help 2>/dev/null | sed -n '/^Commands$/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p'
}

# of `sawatch`, or of one command
_sawatch_options() {
	"$@" --help 2>/dev/null | grep -oE '(^|[^[:alnum:]-])-(-[a-z][a-z-]*|[A-Za-z])' | grep -oE -- '-.*' | sort -u
}

_sawatch_conditions() {
	"$1" explain 2>/dev/null | sed -n 's/^\([a-z][a-z_]*\) .*/\1/p'
}

_sawatch_settings() {
	"$1" config --defaults 2>/dev/null | sed -nE 's/^(# )?([a-z0-9_]+(\.[a-z0-9_]+)*) = .*/\2=/p' | grep -vE '^(peers|profile)='
}

_sawatch_offer() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_sawatch_offer_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_sawatch() {
	local program=$1 word=$2 before=$3 command=${COMP_WORDS[1]}

	COMPREPLY=()
	[[ $command == -* || $COMP_CWORD -eq 1 ]] && command=

	# what the word before it wants
	case $before in
	-i | --interface)
		_sawatch_offer "$("$program" -D 2>/dev/null | cut -d' ' -f1)" "$word"
		return
		;;
	-r | --read | -w | --write | -o | --db | --config | --check | --metrics-file)
		if [[ $before != -w || $command != check ]]; then
			_sawatch_offer_files "$word"
			return
		fi
		;;
	--set)
		compopt -o nospace 2>/dev/null
		_sawatch_offer "$(_sawatch_settings "$program")" "$word"
		return
		;;
	--fail-on | --severity)
		_sawatch_offer 'info warning critical' "$word"
		return
		;;
	--stale)
		_sawatch_offer 'unknown warning critical' "$word"
		return
		;;
	--kind)
		_sawatch_offer 'ike child esp' "$word"
		return
		;;
	--code | --ignore)
		_sawatch_offer "$(_sawatch_conditions "$program")" "$word"
		return
		;;
	-Z | --user)
		mapfile -t COMPREPLY < <(compgen -u -- "$word")
		return
		;;
	esac

	if [[ $word == -* ]]; then
		_sawatch_offer "$(_sawatch_options "$program" ${command:+"$command"})" "$word"
	elif [[ $COMP_CWORD -eq 1 ]]; then
		_sawatch_offer "$(_sawatch_commands "$program")" "$word"
	else
		case $command in
		explain | why)
			_sawatch_offer "$(_sawatch_conditions "$program")" "$word"
			;;
		help)
			_sawatch_offer "$(_sawatch_commands "$program")" "$word"
			;;
		'')	# after -r more files may follow
			[[ " ${COMP_WORDS[*]} " == *' -r '* ]] && _sawatch_offer_files "$word"
			;;
		esac
	fi
}

complete -F _sawatch sawatch
