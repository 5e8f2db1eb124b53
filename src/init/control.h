/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What clients ask, as control passes it on: requests become inputs or are done here, queries are answered from
 * what is so (query.h). control has checked who may; that what is said makes sense is checked here.
 */

#include "init/init.h"

struct note;

int must_check clients_init(struct init *init);
void clients_deinit(struct init *init);

/* Descriptors that came with a request; those that are used are taken (-1 is left), the others stay the owner's. */
struct files {
	int *p;
	size_t n;
};

/* A request, control's message `number`, with files. 0, or a negative errno: again later. */
int must_check clients_request(struct init *init, const struct msg_request *m, struct files *files, uint64_t number);
/* A query: answered now, or when it can be. */
void clients_query(struct init *init, const struct msg_request *m);
/* The logger has tried to write what waited. */
void clients_flushed(struct init *init, const struct msg_log_flushed *m);

/* A new logger knows nothing of what was asked of the old one. */
void clients_logger_came(struct init *init);
/* Answer a request, or a query, over which init has crashed twice. */
void clients_refuse(struct init *init, const struct msg_request *m);
/* control is told what became of requests that were left out, with nothing done in their place. */
void clients_refuse_left_out(struct init *init);
/* Those who asked are gone. */
void clients_control_gone(struct init *init);
/* At the end of each turn: queries that waited. With `all` they are answered whatever is so. */
void clients_turn(struct init *init, bool all);

void clients_save(struct init *init);
int must_check clients_load(struct init *init, const struct note *note);
