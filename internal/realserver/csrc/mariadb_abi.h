/*
 * What a MariaDB server (10.4 and later) and an authentication plugin share,
 * as far as this plugin needs it. The server's own headers are in a development
 * package of some hundred megabytes.
 */
#include <stddef.h>

enum {
	PLUGIN_INTERFACE = 0x0100,
	PLUGIN_TYPE_AUTHENTICATION = 7,
	PLUGIN_LICENSE_PROPRIETARY = 0,
	PLUGIN_MATURITY_STABLE = 5,
	AUTHENTICATION_INTERFACE = 0x0202,
	AUTHENTICATION_OK = -1,
	AUTHENTICATION_FAILED = 0,
};

struct client {
	int (*read_packet)(struct client *, unsigned char **packet);
	int (*write_packet)(struct client *, const unsigned char *packet, int len);
	void (*info)(struct client *, void *info);
};

/* More fields follow, at offsets that differ between versions. */
struct login {
	const char *user;
	unsigned int user_len;
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
