/*
 * Asks the Go process whether a token is good, over the unix socket that
 * RDSIAM_CHECK_SOCKET names: the user, a NUL, the token, end of stream; the
 * answer is one byte. Only '1' means yes, so a Go process that is gone or
 * closing refuses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int ask_write(int fd, const char *data, size_t len)
{
	while (len > 0) {
		/* MSG_NOSIGNAL: a SIGPIPE would take the database server down. */
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		data += n;
		len -= (size_t)n;
	}
	return 1;
}

static int ask_read(int fd, char *answer)
{
	ssize_t n;
	do {
		n = recv(fd, answer, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

static int ask(const char *user, const char *token)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = getenv("RDSIAM_CHECK_SOCKET");
	char answer = 0;
	int fd, ok;

	if (!path || !user || !token || strlen(path) >= sizeof addr.sun_path)
		return 0;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	ok = connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0
		&& ask_write(fd, user, strlen(user) + 1)
		&& ask_write(fd, token, strlen(token))
		&& shutdown(fd, SHUT_WR) == 0
		&& ask_read(fd, &answer);
	close(fd);
	return ok && answer == '1';
}
