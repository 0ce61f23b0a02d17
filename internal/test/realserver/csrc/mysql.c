/*
 * The authentication plugin for MySQL 9.
 */
#include "authenticate.h"

enum {
	PLUGIN_INTERFACE = 0x010B,
	AUTHENTICATION_INTERFACE = 0x0201,
};

struct authentication {
	int interface;
	const char *client_plugin;
	int (*authenticate)(struct client *, struct login *);
	int (*generate)(char *out, unsigned int *out_len, const char *in, unsigned int in_len);
	int (*validate)(char *text, unsigned int len);
	int (*set_salt)(const char *text, unsigned int len, unsigned char *salt, unsigned char *salt_len);
	unsigned long flags;
	int (*compare)(const char *, unsigned long, const char *, unsigned long, int *);
};

struct plugin {
	int type;
	void *info;
	const char *name, *author, *description;
	int license;
	int (*init)(void *);
	int (*check_uninstall)(void *);
	int (*deinit)(void *);
	unsigned int version;
	void *status_variables;
	void *system_variables;
	void *reserved;
	unsigned long flags;
};

/* The server calls these without asking whether they are there: validate and
 * set_salt for the text after AS ('RDS'), which means nothing here, generate to
 * make such a text from the password after BY, which cannot be. */
static int generate(char *out, unsigned int *out_len, const char *in, unsigned int in_len)
{
	(void)out, (void)out_len, (void)in, (void)in_len;
	return 1;
}

static int validate(char *text, unsigned int len)
{
	(void)text, (void)len;
	return 0;
}

static int set_salt(const char *text, unsigned int len, unsigned char *salt, unsigned char *salt_len)
{
	(void)text, (void)len, (void)salt;
	*salt_len = 0;
	return 0;
}

static struct authentication authentication = {
	.interface = AUTHENTICATION_INTERFACE,
	.client_plugin = CLIENT_PLUGIN,
	.authenticate = authenticate,
	.generate = generate,
	.validate = validate,
	.set_salt = set_salt,
};

/* The names that the server looks up in a plugin library. The list ends with
 * an empty entry. */
int _mysql_plugin_interface_version_ = PLUGIN_INTERFACE;
int _mysql_sizeof_struct_st_plugin_ = sizeof(struct plugin);
struct plugin _mysql_plugin_declarations_[] = {
	{
		.type = PLUGIN_TYPE_AUTHENTICATION,
		.info = &authentication,
		.name = PLUGIN_NAME,
		.author = PLUGIN_AUTHOR,
		.description = PLUGIN_DESCRIPTION,
		.license = PLUGIN_LICENSE_PROPRIETARY,
		.version = 0x0100,
	},
	{0},
};
