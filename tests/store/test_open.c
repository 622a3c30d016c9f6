/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void write_file(const char *path, const void *bytes, size_t length)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, length, f), length);
	fclose(f);
}

static char *read_file(const char *path, size_t *ret_length)
{
	FILE *f = fopen(path, "rb");
	char *bytes = malloc(1 << 20);

	assert_non_null(f);
	*ret_length = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	return bytes;
}

static void make_with(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Opening must fail with one line that has the path and `reason` in it. */
static void assert_refused_as(const char *path, enum store_mode mode, const char *reason)
{
	struct err e = { "" };
	struct store *s = NULL;

	assert_false(store_open(&s, path, mode, "probe", &e));
	assert_null(s);
	if (!strstr(e.text, path) || !strstr(e.text, reason) || strchr(e.text, '\n'))
		fail_msg("not told as '%s': %s", reason, e.text);
}

/*
 * The same in both modes, and the file has the same bytes afterwards, and nothing lies beside it.
 */
static void assert_refused_untouched(const char *path, const char *reason)
{
	size_t before_length, after_length;
	char *before = read_file(path, &before_length);
	char log[300];

	assert_refused_as(path, STORE_WRITE, reason);
	assert_refused_as(path, STORE_READ, reason);

	char *after = read_file(path, &after_length);

	assert_int_equal(after_length, before_length);
	assert_memory_equal(after, before, before_length);
	snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(access(log, F_OK), -1);
	snprintf(log, sizeof(log), "%s-journal", path);
	assert_int_equal(access(log, F_OK), -1);
	free(before);
	free(after);
}

static void a_text_file_is_no_database_and_stays_as_it_is(void **state)
{
	const char *path = scratch_path("notes.txt");
	static char long_text[5000];

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	write_file(path, "not a database\n", 15);
	assert_refused_untouched(path, "is not a database");
	write_file(path, long_text, sizeof(long_text));
	assert_refused_untouched(path, "is not a database");
}

static void a_database_of_another_program_is_refused_untouched(void **state)
{
	const char *path = scratch_path("other.db");

	(void)state;
	make_with(path, "PRAGMA application_id = 1234; CREATE TABLE t (x); "
			"INSERT INTO t VALUES (1)");
	assert_refused_untouched(path, "another program");
	unlink(path);
	make_with(path, "CREATE TABLE t (x)");	/* without an application id */
	assert_refused_untouched(path, "another program");
}

static void a_database_of_a_newer_version_is_refused_untouched(void **state)
{
	const char *path = scratch_path("newer.db");

	(void)state;
	sample_close(sample_open(path));
	make_with(path, "PRAGMA user_version = 4711");
	assert_refused_untouched(path, "newer sawatch");
}

static void a_missing_directory_is_named(void **state)
{
	(void)state;
	assert_refused_as(scratch_path("nowhere/h.db"), STORE_WRITE, "make it first");
	assert_refused_as(scratch_path("nowhere/h.db"), STORE_READ, "look at the name again");
}

static void reading_does_not_make_a_file(void **state)
{
	const char *path = scratch_path("absent.db");

	(void)state;
	assert_refused_as(path, STORE_READ, "no such file");
	assert_int_equal(access(path, F_OK), -1);
	write_file(path, "", 0);
	assert_refused_as(path, STORE_READ, "is empty");
}

static void a_directory_is_not_a_database(void **state)
{
	(void)state;
	assert_refused_as(scratch_directory(), STORE_WRITE, "is a directory");
	assert_refused_as(scratch_directory(), STORE_READ, "is a directory");
}

static void an_empty_name_is_not_a_private_database(void **state)
{
	struct store *s;
	struct err e = { "" };

	(void)state;
	assert_false(store_open(&s, "", STORE_WRITE, "probe", &e));
	assert_non_null(strstr(e.text, "empty"));
}

static void names_that_sqlite_would_interpret_are_files(void **state)
{
	char *before = getcwd(NULL, 0);

	(void)state;
	assert_int_equal(chdir(scratch_directory()), 0);
	sample_close(sample_open(":memory:"));
	sample_close(sample_open("file:x?mode=memory"));
	assert_int_equal(access("./:memory:", F_OK), 0);
	assert_int_equal(access("./file:x?mode=memory", F_OK), 0);
	assert_int_equal(chdir(before), 0);
	free(before);
}

static void a_damaged_database_says_so(void **state)
{
	const char *path = scratch_path("damaged.db");
	size_t length;

	(void)state;
	sample_close(sample_open(path));

	char *bytes = read_file(path, &length);

	memset(bytes + 100, 0xff, length - 100);
	write_file(path, bytes, length);
	free(bytes);
	assert_refused_as(path, STORE_WRITE, "is damaged");
	assert_refused_as(path, STORE_READ, "is damaged");
}

/*
 * Root may do everything, so the attempt is made as nobody.  The exit status is the number of
 * failed checks.
 */
static int as_nobody(void (*attempt)(const char *path), const char *path)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(99);
		attempt(path);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void check(bool right, const char *text)
{
	if (right)
		return;
	fprintf(stderr, "not as expected: %s\n", text);
	_exit(1);
}

static void write_is_refused_as_read_only(const char *path)
{
	struct err e = { "" };
	struct store *s;

	check(!store_open(&s, path, STORE_WRITE, "probe", &e), "opened");
	check(strstr(e.text, "read-only") && strstr(e.text, path), e.text);
	check(store_open(&s, path, STORE_READ, NULL, &e), e.text);
	check(store_close(s, &e), e.text);
}

static void a_read_only_database_can_be_read_and_is_refused_for_writing(void **state)
{
	const char *path = scratch_path("readonly.db");

	(void)state;
	sample_close(sample_open(path));
	assert_int_equal(chmod(scratch_directory(), 0755), 0);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(as_nobody(write_is_refused_as_read_only, path), 0);
}

static void write_is_refused_for_the_directory(const char *path)
{
	struct err e = { "" };
	struct store *s;

	check(!store_open(&s, path, STORE_WRITE, "probe", &e), "opened");
	check(strstr(e.text, "directory") && strstr(e.text, path), e.text);
}

static void a_directory_without_the_right_to_write_is_named(void **state)
{
	(void)state;
	assert_int_equal(chmod(scratch_directory(), 0755), 0);
	assert_int_equal(as_nobody(write_is_refused_for_the_directory, scratch_path("mine.db")), 0);
}

static void reading_works(const char *path)
{
	struct err e = { "" };
	struct store *s;
	struct record_sink nothing = { 0 };

	check(store_open(&s, path, STORE_READ, NULL, &e), e.text);
	check(store_walk(s, NULL, &nothing, &e), e.text);
	check(store_close(s, &e), e.text);
}

static void a_copy_in_wal_mode_can_be_read_where_nothing_may_be_written(void **state)
{
	const char *path = scratch_path("copy%20of.db");	/* a name that is no URI */

	(void)state;
	sample_close(sample_open(path));
	make_with(path, "PRAGMA journal_mode = WAL");
	assert_int_equal(chmod(scratch_directory(), 0755), 0);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(as_nobody(reading_works, path), 0);
}

static void a_locked_database_says_so(void **state)
{
	const char *path = scratch_path("locked.db");
	sqlite3 *db;

	(void)state;
	sample_close(sample_open(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_refused_as(path, STORE_READ, "locked by another program");
	sqlite3_close(db);
}

static void a_new_history_is_marked_and_can_shrink(void **state)
{
	const char *path = scratch_path("new.db");

	(void)state;
	sample_close(sample_open(path));
	assert_look(path, "PRAGMA application_id", "1935767393");	/* "sawa" */
	assert_look(path, "PRAGMA user_version", "3");
	/* incremental: was set before anything was written */
	assert_look(path, "PRAGMA auto_vacuum", "2");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void every_table_is_strict(void **state)
{
	const char *path = scratch_path("strict.db");

	(void)state;
	sample_close(sample_open(path));
	assert_look(path, "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_list "
			  "WHERE schema = 'main' "
			  "AND type = 'table' AND name NOT LIKE 'sqlite%' AND strict "
			  "ORDER BY name)",
		    "alert,capture,child_sa,esp_sa,event,exchange,expected,ike_sa,image,meta,"
		    "sensor,traffic,tunnel");
	assert_look(path, "SELECT count(*) FROM pragma_table_list "
			  "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' "
			  "AND NOT strict", "0");
}

static void a_closed_history_is_one_plain_file(void **state)
{
	const char *path = scratch_path("plain.db");
	struct store *s = sample_open(path);
	char log[300];

	(void)state;
	sample_capture(s, "aa");
	snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(access(log, F_OK), 0);
	assert_look(path, "PRAGMA journal_mode", "wal");
	sample_close(s);
	assert_int_equal(access(log, F_OK), -1);
	snprintf(log, sizeof(log), "%s-shm", path);
	assert_int_equal(access(log, F_OK), -1);
	assert_look(path, "PRAGMA journal_mode", "delete");
	assert_look(path, "SELECT fingerprint FROM capture", "aa");
}

static void opening_again_changes_nothing(void **state)
{
	const char *path = scratch_path("again.db");
	size_t before_length, after_length;

	(void)state;
	sample_close(sample_open(path));

	char *before = look_at_all(path);
	char *version = look(path, "PRAGMA schema_version");

	sample_close(sample_open(path));

	char *after = look_at_all(path);
	char *version_after = look(path, "PRAGMA schema_version");

	before_length = strlen(before);
	after_length = strlen(after);
	assert_int_equal(before_length, after_length);
	assert_string_equal(before, after);
	assert_string_equal(version, version_after);
	free(before);
	free(after);
	free(version);
	free(version_after);
}

static void views_of_an_earlier_program_are_replaced_and_those_of_others_stay(void **state)
{
	const char *path = scratch_path("views.db");

	(void)state;
	sample_close(sample_open(path));
	make_with(path, "DROP VIEW v_alerts; CREATE VIEW v_alerts AS SELECT 1 AS old;"
			"CREATE VIEW v_mine AS SELECT count(*) AS n FROM v_alerts;"
			"UPDATE meta SET value = '1' WHERE key = 'views'");
	sample_close(sample_open(path));
	assert_look(path, "SELECT count(*) FROM pragma_table_info('v_alerts') "
			  "WHERE name = 'summary'", "1");
	assert_look(path, "SELECT n FROM v_mine", "0");
}

static void many_processes_may_make_the_same_history_at_once(void **state)
{
	const char *path = scratch_path("race.db");
	enum { PROCESSES = 6 };
	pid_t children[PROCESSES];

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct err e = { "" };
			struct store *s;
			char sensor[16];

			snprintf(sensor, sizeof(sensor), "s%d", i / 2);	/* two of each */
			check(store_open(&s, path, STORE_WRITE, sensor, &e), e.text);
			check(store_close(s, &e), e.text);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_look(path, "PRAGMA integrity_check", "ok");
	assert_look(path, "PRAGMA user_version", "3");
	assert_look(path, "SELECT group_concat(name) FROM (SELECT name FROM sensor ORDER BY name)",
		    "s0,s1,s2");
}

static void a_private_database_needs_no_name(void **state)
{
	struct store *s = sample_open(NULL);

	(void)state;
	assert_int_equal(sample_capture(s, "aa"), 1);
	sample_close(s);
}

static void close_accepts_nothing(void **state)
{
	(void)state;
	assert_true(store_close(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_file_is_no_database_and_stays_as_it_is),
		cmocka_unit_test(a_database_of_another_program_is_refused_untouched),
		cmocka_unit_test(a_database_of_a_newer_version_is_refused_untouched),
		cmocka_unit_test(a_missing_directory_is_named),
		cmocka_unit_test(reading_does_not_make_a_file),
		cmocka_unit_test(a_directory_is_not_a_database),
		cmocka_unit_test(an_empty_name_is_not_a_private_database),
		cmocka_unit_test(names_that_sqlite_would_interpret_are_files),
		cmocka_unit_test(a_damaged_database_says_so),
		cmocka_unit_test(a_read_only_database_can_be_read_and_is_refused_for_writing),
		cmocka_unit_test(a_directory_without_the_right_to_write_is_named),
		cmocka_unit_test(a_copy_in_wal_mode_can_be_read_where_nothing_may_be_written),
		cmocka_unit_test(a_locked_database_says_so),
		cmocka_unit_test(a_new_history_is_marked_and_can_shrink),
		cmocka_unit_test(every_table_is_strict),
		cmocka_unit_test(a_closed_history_is_one_plain_file),
		cmocka_unit_test(opening_again_changes_nothing),
		cmocka_unit_test(views_of_an_earlier_program_are_replaced_and_those_of_others_stay),
		cmocka_unit_test(many_processes_may_make_the_same_history_at_once),
		cmocka_unit_test(a_private_database_needs_no_name),
		cmocka_unit_test(close_accepts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
