/* SPDX-License-Identifier: MIT */
#include "common/listener.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TCP_LISTEN 0x0au
#define UNIX_ACCEPTS 0x10000u

static bool
read_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = isdigit((unsigned char) *text) ? strtoul(text, &end, 10) : 0;

	if (n == 0 || n > UINT16_MAX || *end != '\0')
		return false;
	*port = (uint16_t) n;
	return true;
}

bool
listener_read(const char *text, struct listener *l)
{
	static const struct {
		const char *prefix;
		bool tcp4, tcp6;
	} protocols[] = { { "tcp:", true, true }, { "tcp4:", true, false }, { "tcp6:", false, true }, { "", true, true } };

	*l = (struct listener){ 0 };
	if (text[0] == '/' || text[0] == '@') {
		l->path = text;
		return text[1] != '\0';
	}
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		size_t n = strlen(protocols[i].prefix);

		if (strncmp(text, protocols[i].prefix, n) != 0)
			continue;
		l->tcp4 = protocols[i].tcp4;
		l->tcp6 = protocols[i].tcp6;
		return read_port(text + n, &l->port);
	}
	return false;
}

/*   sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode */
uint64_t
listener_match_tcp(const struct listener *l, const char *line)
{
	unsigned port, state;
	uint64_t inode;

	if (sscanf(line, " %*[0-9]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64, &port,
		   &state, &inode) != 3)
		return 0;
	return port == l->port && state == TCP_LISTEN ? inode : 0;
}

/* Num: RefCount Protocol Flags Type St Inode Path */
uint64_t
listener_match_unix(const struct listener *l, const char *line)
{
	unsigned flags;
	uint64_t inode;
	int at = 0;

	if (sscanf(line, "%*[0-9a-fA-F]: %*x %*x %x %*x %*x %" SCNu64 " %n", &flags, &inode, &at) != 2 || at == 0)
		return 0;
	return (flags & UNIX_ACCEPTS) != 0 && strcmp(line + at, l->path) == 0 ? inode : 0;
}
