/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of subcommands and what --help teaches. */
#include <string.h>

#include "cli/cli.h"

#define TUNNEL_OPTION \
	"  --tunnel T       only this tunnel: its name (a<->b, or its name in the inventory),\n" \
	"                   a peer's address, or its number\n"
#define TIME_OPTIONS \
	"  --since TIME     2026-11-22, \"2026-11-22 04:30\" (UTC), or an age such as 2h or 7d\n" \
	"  --until TIME     the same\n"
#define QUERY_OPTIONS \
	"  --db FILE        the history (written by sawatch with --db FILE); required\n" \
	TUNNEL_OPTION TIME_OPTIONS \
	"  --json           JSON Lines, one object a line\n" \
	"  --csv            CSV with a header row (RFC 4180)\n"

const struct command cli_commands[] = {
	{ "tunnels", tunnels_run, "every tunnel, its state and how many SAs and alerts it had",
	  "--db FILE [--tunnel T] [--since TIME] [--until TIME] [--json|--csv]\n\n" QUERY_OPTIONS
	  "\nExample\n  sawatch tunnels --db h.db --since 24h\n" },
	{ "sas", sas_run, "IKE SAs, child SAs and ESP SAs: suites, rekeys, packets, how each ended",
	  "--db FILE [--kind ike|child|esp] [--tunnel T] [--since TIME] [--until TIME] "
	  "[--json|--csv]\n\n"
	  "  --kind KIND      only IKE SAs, child SAs, or ESP and AH SAs, with all their columns;\n"
	  "                   without it --csv prints only the columns that all kinds share\n"
	  QUERY_OPTIONS
	  "\nExample\n  sawatch sas --db h.db --kind esp --tunnel 192.0.2.1 --csv > sas.csv\n" },
	{ "exchanges", exchanges_run,
	  "IKE requests with their answers, copies and round-trip times",
	  "--db FILE [--tunnel T] [--since TIME] [--until TIME] [--json|--csv]\n\n" QUERY_OPTIONS
	  "\nExample\n  sawatch exchanges --db h.db --json | jq 'select(.requests > 1)'\n" },
	{ "alerts", alerts_run, "what is wrong, with severity, confidence and frame numbers",
	  "--db FILE [--code CODE] [--severity SEVERITY] [--tunnel T] [--since TIME] [--until "
	  "TIME] [--json|--csv]\n\n"
	  "  --code CODE      only this condition; sawatch explain lists them\n"
	  "  --severity S     at least info, warning or critical\n" QUERY_OPTIONS
	  "\nExample\n  sawatch alerts --db h.db --severity warning --since 7d\n" },
	{ "events", events_run, "what happened, one line each: SAs made, rekeyed, ended, moved",
	  "--db FILE [--tunnel T] [--since TIME] [--until TIME] [--json|--csv]\n\n" QUERY_OPTIONS
	  "\nExample\n  sawatch events --db h.db --tunnel '192.0.2.1<->198.51.100.2'\n" },
	{ "lifetimes", lifetimes_run, "ages at rekey per tunnel and side, and the lifetime "
				      "that they suggest",
	  "--db FILE [--tunnel T] [--since TIME] [--until TIME] [--json|--csv]\n\n" QUERY_OPTIONS
	  "\nExample\n  sawatch lifetimes --db h.db\n" },
	{ "why", why_run, "the story of one tunnel in plain words: what happened, "
			  "whose side, what to do",
	  "[TUNNEL|ALERT|CODE] --db FILE [--since TIME] [--until TIME] [--json]\n"
	  "       sawatch why -r FILE ... [TUNNEL|ALERT|CODE] [options of -r]\n\n"
	  "  TUNNEL           its name (a<->b), the address of one peer, or its number\n"
	  "  ALERT            the number of an alert (sawatch alerts --csv, v_alerts.id)\n"
	  "  CODE             a condition that was raised: sawatch explain lists them\n\n"
	  "Without an argument: the one tunnel that is in trouble, or a list of possible"
	  " arguments.\n\n"
	  "  -r FILE          read captures first, as sawatch -r does;"
	  " nothing is kept without --db\n"
	  "  --db FILE        the history (written by sawatch with --db FILE)\n"
	  "  --since, --until TIME   with --db: only what happened then\n"
	  "  --json           one JSON object\n"
	  "\nExamples\n  sawatch why -r customer.pcap\n  sawatch why 192.0.2.1 --db h.db "
	  "--since 24h\n" },
	{ "check", check_run, "the history as a monitoring plugin (Nagios, Icinga, Checkmk): "
			      "status 0 to 3 and performance data",
	  "--db FILE [--tunnel T] [-w RANGE] [-c RANGE] [--max-age SPAN] [--stale STATE] [--ignore "
	  "CODE ...]\n\n"
	  "  --db FILE        the history; it may be written meanwhile\n"
	  TUNNEL_OPTION
	  "                   (then CRITICAL when it is down, even without an alert)\n"
	  "  -w, --warning RANGE    number of open alerts, warning or critical, that is still no"
	  " WARNING (default 0)\n"
	  "  -c, --critical RANGE   number of open critical alerts that is still not CRITICAL"
	  " (default 0)\n"
	  "                   a range: 5 alarms above 5, 5: below 5, 2:5 outside, @2:5 inside,"
	  " ~:5 has no lower end\n"
	  "  --max-age SPAN   the history is out of date when sawatch -i has written nothing for"
	  " this long (default 5m)\n"
	  "  --stale STATE    the answer for a history that is out of date: unknown (default),"
	  " warning, critical\n"
	  "  --sensor NAME    for --max-age look at what this sensor wrote only\n"
	  "  --since TIME     ignore alerts and tunnels of which nothing was seen since then\n"
	  "  --ignore CODE    ignore alerts of this condition; may be repeated\n"
	  "  -t, --timeout N  seconds until the answer is UNKNOWN (default 10)\n"
	  "  -v               accepted and ignored: every alert is listed anyway\n"
	  "\nExit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN\n"
	  "\nExample\n  sawatch check --db /var/lib/sawatch/history.db --tunnel hq-branch1 "
	  "--ignore weak_crypto\n" },
	{ "report", report_run, "the history as one HTML page: verdict, timelines, "
				"ladders of exchanges, alerts with advice",
	  "--db FILE -o PAGE.html [--tunnel T] [--since TIME] [--until TIME]\n\n"
	  "  --db FILE        the history (written by sawatch with --db FILE); required\n"
	  "  -o, --output F   the page: one file that needs no scripts and loads nothing;"
	  " - for standard output\n"
	  TUNNEL_OPTION TIME_OPTIONS
	  "\nThe worst 40 tunnels are shown in detail, the others in a table.\n"
	  "\nExample\n  sawatch report --db h.db -o monday.html --since 24h\n" },
	{ "explain", explain_run, "the page of a condition: meaning, look-alikes, "
				  "what to do per vendor",
	  "[CODE]\n\nWithout CODE: a list of all conditions.\n"
	  "\nExample\n  sawatch explain spi_churn\n" },
	{ "learn", learn_run, "a draft of the inventory (expected tunnels) for the configuration, "
			      "made from a history",
	  "--db FILE\n\n"
	  "Prints a [tunnel NAME] section for every tunnel that was up, with its peers, "
	  "a profile and,\nas a comment, the reason for both.\n"
	  "\nExample\n  sawatch learn --db h.db > tunnels.conf; "
	  "sawatch config --check tunnels.conf\n" },
	{ "prune", prune_run, "delete old rows from a history and make the file smaller",
	  "--db FILE [--keep SPAN] [--max-db SIZE] [--config FILE] [--set key=value] [-q]\n\n"
	  "  --keep SPAN      delete what ended longer ago than 90d, 12w, 2y; 0d keeps all"
	  " (history.keep_days)\n"
	  "  --max-db SIZE    then delete the oldest until the file is smaller than 500M, 2G, 1T"
	  " (history.max_mb)\n"
	  "  -q, --quiet      do not print what was done\n"
	  "\nAges are counted from the latest entry of the history.  SAs that are alive and alerts"
	  " that are raised\nalways stay.  sawatch -i does the same by itself, a little at"
	  " a time.\n"
	  "\nExample\n  sawatch prune --db h.db --keep 90d\n" },
	{ "config", config_run, "print the settings, or check a configuration file",
	  "--defaults | --check FILE\n\n"
	  "  --defaults       every setting with its default, limits and meaning,"
	  " as a file to start from\n"
	  "  --check FILE     read it as --config would, and say what is wrong\n"
	  "\nExample\n  sawatch config --defaults > sawatch.conf\n" },
	{ "help", help_run, "help on a subcommand", "[COMMAND]\n" },
	{ 0 },
};

static const char intro[] =
	"sawatch " SAWATCH_VERSION " - passive IPsec tunnel health monitor:"
				   " reads captures, watches interfaces, needs no keys\n"
	"\n"
	"Usage\n"
	"  sawatch -r FILE|DIR|- ... [options] [filter words]   read captures,"
	" print the diagnosis\n"
	"  sawatch -i INTERFACE ... [options] [filter words]    watch,"
	" one line per event that matters\n"
	"  sawatch COMMAND --db FILE [options]                  query the history\n"
	"\n"
	"Examples\n"
	"  sawatch -r customer.pcap                             what is wrong in this capture?\n"
	"  sawatch why -r customer.pcap                         the story behind it, whose side,"
	" what to do\n"
	"  sawatch -r /var/captures host 192.0.2.1              a directory in time order,"
	" one gateway only\n"
	"  sawatch -r a.pcap b.pcap.zst --db h.db               and keep the history in SQLite\n"
	"  sawatch -r x.pcap --json | jq 'select(.type==\"alert\")'\n"
	"  sawatch -i span0 --db h.db                           watch a mirror port and keep"
	" the history\n"
	"  zcat x.pcap.gz | sawatch -r - --fail-on critical     in a script:"
	" status 10 when a tunnel is in trouble\n"
	"\n"
	"Commands\n";

static const char options_text[] =
	"\n"
	"Options of -r\n"
	"  -r FILE          pcap or pcapng, also gz, zst, xz, bz2, lz4; a directory;"
	" - for standard input;\n"
	"                   may be repeated\n"
	"  -f EXPR          BPF filter (pcap-filter(7)); words that remain are a filter, too\n"
	"  -c N             stop after N packets\n"
	"  -j, --workers N  use N threads (default 1): one follows the SAs, the others read, unpack"
	" and\n"
	"                   decode ahead of it; the output is the same to the byte\n"
	"  -w FILE          save the packets that belong to IPsec as pcap; - for standard output\n"
	"  -q, -v           quiet: tunnels in trouble and the verdict only; verbose: every tunnel"
	" in detail\n"
	"  -n, -l           accepted: names are never resolved; lines are flushed one by one\n"
	"  --json           JSON Lines: captures, tunnels, SAs, exchanges, events, alerts\n"
	"  --db FILE        keep the history in this SQLite database; a capture that is in it"
	" already is\n"
	"                   not read again\n"
	"  --sensor NAME    name of this observation point in the database (default: local)\n"
	"  --config FILE    settings and expected tunnels (sawatch config --defaults lists all"
	" settings)\n"
	"  --set KEY=VALUE  change one setting; overrides the file\n"
	"  --fail-on SEV    exit with status 10 when there is an alert of severity info, warning,"
	" critical,\n"
	"                   or a higher one\n"
	"  --progress       show progress even when standard error is no terminal\n"
	"  --follow         the file (the last one given, the latest of a directory) is still being"
	" written:\n"
	"                   print events as -i does, until SIGINT or SIGTERM, then the report\n"
	"  --resume         for rotated files, with --db: continue with the SAs and alerts that"
	" were alive at\n"
	"                   the end of the files before, and do not end those alive at the end of"
	" this one\n"
	"  --no-detect      follow and record only; raise no alerts (for measuring)\n"
	"  --print-filter   print the BPF filter used on interfaces, combined with yours,"
	" and exit\n"
	"  --version, --help\n"
	"\n"
	"Options of -i (-f, -c, -w, -q, -v, -l, --json, --db, --sensor, --config, --set, "
	"--fail-on as above)\n"
	"  -i INTERFACE     watch this interface; may be repeated: packets are merged by time;"
	" any: all\n"
	"  -j, --workers N  use N threads (default 1): one follows the SAs, the others read a part"
	" of the\n"
	"                   packets of every interface each\n"
	"  -D               list the interfaces\n"
	"  -Z USER          become this user when the interfaces are open (default: sawatch,"
	" if it exists)\n"
	"  -p               not promiscuous\n"
	"  -s BYTES, -B KIB snapshot length (default 65535); buffer of each interface"
	" (default 65536)\n"
	"  --keep SPAN, --max-db SIZE   delete from --db FILE what ended longer ago than 90d, 12w,"
	" 2y, and the\n"
	"                   oldest when it is larger than 500M, 2G, 1T (see sawatch prune)\n"
	"  --syslog TARGET  alerts and tunnel states to syslog: unix, unix:/PATH,"
	" udp://HOST:PORT,\n"
	"                   tcp://HOST:PORT\n"
	"  --metrics-file FILE          metrics for Prometheus' node_exporter (textfile"
	" collector)\n"
	"  --metrics-listen ADDR:PORT   metrics for Prometheus at http://ADDR:PORT/metrics\n"
	"  --on-alert CMD   run CMD with /bin/sh -c for each alert (warning, critical) that is"
	" raised, becomes\n"
	"                   worse or clears; the alert is JSON on its standard input\n"
	"  SIGINT, SIGTERM  end in order: the history is complete, SAs that are alive stay open\n"
	"  SIGHUP           read --config FILE again\n"
	"  SIGUSR1          print the state\n"
	"\n"
	"Exit status\n"
	"  0 done   1 wrong usage or run-time error   2 input could not be opened or was damaged"
	" (the rest was kept)\n"
	"  10 with --fail-on: there was such an alert\n"
	"\n"
	"sawatch COMMAND --help explains one command; sawatch explain lists what can be found; "
	"man sawatch has all details.\n";

void help_print(FILE *out)
{
	fputs(intro, out);
	for (const struct command *c = cli_commands; c->name; c++)
		fprintf(out, "  %-11s %s\n", c->name, c->summary);
	fputs(options_text, out);
}

void help_print_version(FILE *out)
{
	fputs("sawatch " SAWATCH_VERSION "\n", out);
}

void help_print_command(FILE *out, const struct command *c)
{
	fprintf(out, "sawatch %s: %s\n\nUsage: sawatch %s %s", c->name, c->summary, c->name,
		c->help);
}

const struct command *command_find(const char *name)
{
	const struct command *c = cli_commands;

	while (c->name && strcmp(c->name, name) != 0)
		c++;
	return c->name ? c : NULL;
}

int help_run(int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_find(argv[1]) : NULL;

	if (argc > 1 && !c && strcmp(argv[1], "--help") != 0) {
		complain("help %s: no such command; sawatch --help lists them", argv[1]);
		return EXIT_TROUBLE;
	}
	if (c)
		help_print_command(stdout, c);
	else
		help_print(stdout);
	return EXIT_DONE;
}
