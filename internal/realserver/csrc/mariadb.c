/*
 * A MariaDB authentication plugin with the name that RDS gives to its own: it
 * asks the client for a cleartext password and the Go process whether it is good.
 */
#include "ask.h"
#include "mariadb_abi.h"

static int authenticate(struct client *client, struct login *login)
{
	unsigned char *packet;
	int len = client->read_packet(client, &packet);

	/* mysql_clear_password sends the password with its NUL. */
	if (len < 1 || memchr(packet, 0, (size_t)len) != packet + len - 1)
		return AUTHENTICATION_FAILED;
	return ask(login->user, (char *)packet) ? AUTHENTICATION_OK : AUTHENTICATION_FAILED;
}

static struct authentication authentication = {
	.interface = AUTHENTICATION_INTERFACE,
	.client_plugin = "mysql_clear_password",
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
		.name = "AWSAuthenticationPlugin",
		.author = "rdsiam",
		.description = "asks a test process whether a token is good",
		.license = PLUGIN_LICENSE_PROPRIETARY,
		.version = PLUGIN_INTERFACE,
		.version_text = "1.0",
		.maturity = PLUGIN_MATURITY_STABLE,
	},
	{0},
};
