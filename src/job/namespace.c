/* SPDX-License-Identifier: MIT */
/*
 * `namespace` and its companions: mount, private, idmap, time.
 */
#include "job/namespace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "job/argument.h"
#include "job/quote.h"

static const struct {
	const char *name;
	unsigned bit;
} private_parts[] = { { "tmp", PRIVATE_TMP }, { "dev", PRIVATE_DEV }, { "proc", PRIVATE_PROC } };

/* reading */

/* `KIND...`, or `pid bare`, up to the end of the line. */
static int
read_kinds(struct parser *p, unsigned *bits, bool *bare)
{
	do {
		enum namespace_kind kind = NAMESPACE_USER;
		struct word w;
		int r = lexer_argument(&p->lex, false, &w);

		if (r < 0)
			return r;
		if (strcmp(w.text, "bare") == 0 && *bits & 1u << NAMESPACE_PID) {
			*bare = true;
			word_deinit(&w);
			continue;
		}
		while (kind < NAMESPACE_KIND_COUNT && strcmp(w.text, namespace_kind_name(kind)) != 0)
			kind++;
		if (kind == NAMESPACE_KIND_COUNT)
			return argument_fault_message(p, FAULT_UNKNOWN_STANZA, &w,
						      "Unknown namespace kind, expected user, cgroup, ipc, uts, net, mount, pid or time");
		*bits |= 1u << kind;
		word_deinit(&w);
	} while (!lexer_at_line_end(&p->lex));
	return lexer_line_end(&p->lex);
}

int
parse_namespace(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_isolation *in = &p->cls->isolation;

	return read_kinds(p, &in->made, &in->pid_bare);
}

int
parse_namespace_optional(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_isolation *in = &p->cls->isolation;
	unsigned bits = 0;
	int r = read_kinds(p, &bits, &in->pid_bare);

	in->made |= bits;
	in->optional |= bits;
	return r;
}

/* net NAME [create] */
int
parse_namespace_join(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_isolation *in = &p->cls->isolation;
	char *name = NULL;
	struct word w;
	int r = lexer_argument(&p->lex, false, &w);

	if (r < 0)
		return r;
	if (strcmp(w.text, "net") != 0)
		return argument_fault_message(p, FAULT_UNKNOWN_STANZA, &w,
					      "Only a net namespace can be joined by name");
	word_deinit(&w);
	r = argument_text(p, &name);
	if (r < 0)
		return r;
	free(in->join_net);
	in->join_net = name;
	in->join_create = false;
	if (lexer_at_line_end(&p->lex))
		return lexer_line_end(&p->lex);
	r = lexer_argument(&p->lex, false, &w);
	if (r < 0)
		return r;
	if (strcmp(w.text, "create") != 0)
		return argument_fault(p, FAULT_UNEXPECTED_TOKEN, &w);
	word_deinit(&w);
	in->join_create = true;
	return lexer_line_end(&p->lex);
}

/* Up to n words, of which `must` must be there, into the places `to`, whose old texts are freed. */
static int
read_texts(struct parser *p, char ***to, size_t n, size_t must)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (i >= must && lexer_at_line_end(&p->lex)) {
			free(*to[i]);
			*to[i] = NULL;
			continue;
		}
		r = argument_text(p, to[i]);
		if (r < 0)
			return r;
	}
	return lexer_line_end(&p->lex);
}

/* JOB [INSTANCE] */
int
parse_namespace_share(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_isolation *in = &p->cls->isolation;

	return read_texts(p, (char **[]){ &in->share_job, &in->share_instance }, 2, 1);
}

/* UIDS GIDS */
int
parse_idmap(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_isolation *in = &p->cls->isolation;

	return read_texts(p, (char **[]){ &in->idmap_uids, &in->idmap_gids }, 2, 2);
}

/* SOURCE TARGET [TYPE] [OPTIONS] */
int
parse_mount(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	struct job_isolation *in = &p->cls->isolation;
	struct job_mount m = { 0 };
	int r = read_texts(p, (char **[]){ &m.source, &m.target, &m.type, &m.options }, 4, 2);

	if (r == 0 && in->n_mounts == p->mounts_cap) {
		size_t cap = p->mounts_cap > 0 ? 2 * p->mounts_cap : 4;
		struct job_mount *grown = realloc(in->mounts, cap * sizeof(*grown));

		r = grown != NULL ? 0 : -ENOMEM;
		if (r == 0) {
			in->mounts = grown;
			p->mounts_cap = cap;
		}
	}
	if (r == 0)
		in->mounts[in->n_mounts++] = m;
	else
		mount_deinit(&m);
	return r;
}

/* tmp | dev | proc */
int
parse_private(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	do {
		struct word w;
		size_t i = 0;
		int r = lexer_argument(&p->lex, false, &w);

		if (r < 0)
			return r;
		while (i < ARRAY_SIZE(private_parts) && strcmp(w.text, private_parts[i].name) != 0)
			i++;
		if (i == ARRAY_SIZE(private_parts))
			return argument_fault_message(p, FAULT_UNKNOWN_STANZA, &w,
						      "Unknown part, expected tmp, dev or proc");
		p->cls->isolation.private |= private_parts[i].bit;
		word_deinit(&w);
	} while (!lexer_at_line_end(&p->lex));
	return lexer_line_end(&p->lex);
}

/* SECONDS */
int
parse_time_offset(struct parser *p, const struct stanza *s, const struct stanza *outer)
{
	long value;
	int r = argument_number(p, 10, -2147483647L, 2147483647L, FAULT_ILLEGAL_INTERVAL, &value);

	if (r < 0)
		return r;
	p->cls->isolation.time_offset = value;
	p->cls->isolation.time_offset_set = true;
	return lexer_line_end(&p->lex);
}

/* writing */

static void
print_kinds(struct strbuf *b, const char *keywords, unsigned bits, bool bare)
{
	if (bits == 0)
		return;
	strbuf_add(b, keywords);
	for (enum namespace_kind kind = NAMESPACE_USER; kind < NAMESPACE_KIND_COUNT; kind++)
		if (bits & 1u << kind)
			strbuf_addf(b, " %s%s", namespace_kind_name(kind),
				    kind == NAMESPACE_PID && bare ? " bare" : "");
	strbuf_addc(b, '\n');
}

static void
add_texts(struct strbuf *b, const char *keywords, const char *const *texts, size_t n)
{
	strbuf_add(b, keywords);
	for (size_t i = 0; i < n && texts[i] != NULL; i++) {
		strbuf_addc(b, ' ');
		quote_word(b, texts[i]);
	}
	strbuf_addc(b, '\n');
}

void
print_namespace(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const struct job_isolation *in = &cls->isolation;

	print_kinds(b, "namespace", in->made & ~in->optional, in->pid_bare);
	print_kinds(b, "namespace optional", in->optional, in->pid_bare);
	if (in->join_net != NULL)
		add_texts(b, "namespace join net",
			  (const char *const[]){ in->join_net, in->join_create ? "create" : NULL }, 2);
	if (in->share_job != NULL)
		add_texts(b, "namespace share", (const char *const[]){ in->share_job, in->share_instance }, 2);
}

void
print_idmap(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	const struct job_isolation *in = &cls->isolation;

	if (in->idmap_uids != NULL)
		add_texts(b, s->name, (const char *const[]){ in->idmap_uids, in->idmap_gids }, 2);
}

void
print_mount(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	for (size_t i = 0; i < cls->isolation.n_mounts; i++) {
		const struct job_mount *m = &cls->isolation.mounts[i];

		add_texts(b, s->name, (const char *const[]){ m->source, m->target, m->type, m->options }, 4);
	}
}

void
print_private(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->isolation.private == 0)
		return;
	strbuf_add(b, s->name);
	for (size_t i = 0; i < ARRAY_SIZE(private_parts); i++)
		if (cls->isolation.private & private_parts[i].bit)
			strbuf_addf(b, " %s", private_parts[i].name);
	strbuf_addc(b, '\n');
}

void
print_time_offset(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer)
{
	if (cls->isolation.time_offset_set)
		strbuf_addf(b, "%s %s %" PRId64 "\n", outer->name, s->name, cls->isolation.time_offset);
}
