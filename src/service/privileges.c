/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/privileges.h>

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char default_user[] = "sawatch";

/* Started as root. */
static bool become(const struct passwd *p, struct err *e)
{
	int status;

	capng_clear(CAPNG_SELECT_BOTH);
	status = capng_change_id((int)p->pw_uid, (int)p->pw_gid,
				 CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (status != 0)
		return err_set(e, "-Z %s: privileges cannot be dropped (step %d): %s", p->pw_name,
			       -status, strerror(errno));
	return true;
}

/* Started by another user, with what systemd or the file's capabilities gave. */
static bool give_up_capabilities(struct err *e)
{
	capng_get_caps_process();
	if (capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE)
		return true;
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_AMBIENT) != 0 || capng_apply(CAPNG_SELECT_CAPS) != 0)
		return err_set(e, "capabilities cannot be given up: %s", strerror(errno));
	return true;
}

bool privileges_give_up(struct err *e)
{
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_ALL);
	capng_apply(CAPNG_SELECT_BOUNDS);	/* whoever may not has nothing to gain */
	if (capng_apply(CAPNG_SELECT_AMBIENT) != 0 || capng_apply(CAPNG_SELECT_CAPS) != 0)
		return err_set(e, "capabilities cannot be given up: %s", strerror(errno));
	return true;
}

bool privileges_drop(const char *user, bool *ret_stays, struct err *e)
{
	const char *name = user ? user : default_user;

	*ret_stays = false;
	if (geteuid() == 0) {
		const struct passwd *p = getpwnam(name);

		if (!p && user)
			return err_set(e, "-Z %s: no such user; -Z nobody, or -Z root to stay",
				       user);
		*ret_stays = !p || p->pw_uid == 0;
		if (!*ret_stays && !become(p, e))
			return false;
	} else if (!give_up_capabilities(e)) {
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(e, "no_new_privs cannot be set: %s", strerror(errno));
	return true;
}
