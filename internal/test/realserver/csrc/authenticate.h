/*
 * What the authentication plugins for MariaDB and MySQL have in common: both ask
 * the client for a cleartext password and the Go process whether it is good.
 * The structures are the server's, as far as a plugin needs them: its own
 * headers are in development packages of some hundred megabytes.
 */
#include <stddef.h>

#include "ask.h"

enum {
	AUTHENTICATION_OK = -1,
	AUTHENTICATION_FAILED = 0,
	PLUGIN_TYPE_AUTHENTICATION = 7,
	PLUGIN_LICENSE_PROPRIETARY = 0,
};

/* The name that RDS gives to its own plugin. */
#define PLUGIN_NAME "AWSAuthenticationPlugin"
#define PLUGIN_AUTHOR "rdsiam"
#define PLUGIN_DESCRIPTION "asks a test process whether a token is good"
#define CLIENT_PLUGIN "mysql_clear_password"

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

static int authenticate(struct client *client, struct login *login)
{
	unsigned char *packet;
	int len = client->read_packet(client, &packet);

	/* mysql_clear_password sends the password with its NUL. */
	if (len < 1 || memchr(packet, 0, (size_t)len) != packet + len - 1)
		return AUTHENTICATION_FAILED;
	return ask(login->user, (char *)packet) ? AUTHENTICATION_OK : AUTHENTICATION_FAILED;
}
