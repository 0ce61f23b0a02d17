/*
 * The authentication plugin for MariaDB 10.4 and later.
 */
#include "authenticate.h"

enum {
	PLUGIN_INTERFACE = 0x0100,
	PLUGIN_MATURITY_STABLE = 5,
	AUTHENTICATION_INTERFACE = 0x0202,
};

struct authentication {
	int interface;
	const char *client_plugin;
	int (*authenticate)(struct client *, struct login *);
	int (*hash_password)(const char *, size_t, char *, size_t *);
	int (*preprocess_hash)(const char *, size_t, unsigned char *, size_t *);
};

struct plugin {
	int type;
	void *info;
	const char *name, *author, *description;
	int license;
	int (*init)(void *);
	int (*deinit)(void *);
	unsigned int version;
	void *status_variables;
	void *system_variables;
	const char *version_text;
	unsigned int maturity;
};

static struct authentication authentication = {
	.interface = AUTHENTICATION_INTERFACE,
	.client_plugin = CLIENT_PLUGIN,
	.authenticate = authenticate,
};

/* The names that the server looks up in a plugin library. The list ends with
 * an empty entry. */
int _maria_plugin_interface_version_ = PLUGIN_INTERFACE;
int _maria_sizeof_struct_st_plugin_ = sizeof(struct plugin);
struct plugin _maria_plugin_declarations_[] = {
	{
		.type = PLUGIN_TYPE_AUTHENTICATION,
		.info = &authentication,
		.name = PLUGIN_NAME,
		.author = PLUGIN_AUTHOR,
		.description = PLUGIN_DESCRIPTION,
		.license = PLUGIN_LICENSE_PROPRIETARY,
		.version = PLUGIN_INTERFACE,
		.version_text = "1.0",
		.maturity = PLUGIN_MATURITY_STABLE,
	},
	{0},
};
