/*
 * Two things in one library. Preloaded into postgres, it makes pam_start read
 * its service files from RDSIAM_PAM_DIR instead of /etc/pam.d, so that nothing
 * is installed and root is not needed. Named in such a service file, it is the
 * PAM module that asks the Go process.
 *
 * The few declarations from libpam are written out: its headers are a package
 * of their own on most systems, its ABI has not changed since 1.4 (2020).
 */
#include "ask.h"

typedef struct pam_handle pam_handle_t;
struct pam_conv;

enum {
	PAM_SUCCESS = 0,
	PAM_SYSTEM_ERR = 4,
	PAM_AUTH_ERR = 7,
	PAM_AUTHTOK = 6, /* item type */
};

int pam_get_user(pam_handle_t *, const char **user, const char *prompt);
int pam_get_authtok(pam_handle_t *, int item, const char **token, const char *prompt);

/* Weak: a process that is not linked to libpam can still be preloaded, and a
 * libpam before 1.4 refuses every login instead of reading /etc/pam.d. */
int pam_start_confdir(const char *service, const char *user, const struct pam_conv *,
		      const char *dir, pam_handle_t **) __attribute__((weak));
#pragma weak pam_get_user
#pragma weak pam_get_authtok

int pam_start(const char *service, const char *user, const struct pam_conv *conv,
	      pam_handle_t **handle)
{
	const char *dir = getenv("RDSIAM_PAM_DIR");

	if (!dir || !pam_start_confdir)
		return PAM_SYSTEM_ERR;
	return pam_start_confdir(service, user, conv, dir, handle);
}

int pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	const char *user, *token;

	(void)flags, (void)argc, (void)argv;
	if (pam_get_user(handle, &user, NULL) != PAM_SUCCESS
	    || pam_get_authtok(handle, PAM_AUTHTOK, &token, NULL) != PAM_SUCCESS)
		return PAM_AUTH_ERR;
	return ask(user, token) ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)handle, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

/* Never called, but libpam complains to syslog when it is not there. */
int pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)handle, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}
