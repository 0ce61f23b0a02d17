/* For LD_PRELOAD: the name in RDSIAM_LOCAL_HOST leads to 127.0.0.1. It lets a client that
   verifies the certificate for the name it connects to, and has no option for the address,
   reach a server on this machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <strings.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	resolver *next = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
	const char *local = getenv("RDSIAM_LOCAL_HOST");
	if (next == NULL)
		return EAI_SYSTEM;
	if (node != NULL && local != NULL && strcasecmp(node, local) == 0)
		node = "127.0.0.1";
	return next(node, service, hints, result);
}
