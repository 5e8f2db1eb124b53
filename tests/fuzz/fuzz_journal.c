/* SPDX-License-Identifier: MIT */
/*
 * The journal of another image and its definitions, whole: any records are loaded or refused, and what was loaded can
 * be written as a snapshot that is loaded to the same. Sums are made right here, which no mutation would find.
 *
 * Input: records, each {u8 kind, u16 length (big endian), payload}; the kind's highest bit: it is one of the
 * definitions. Seeds are made of golden journals by make-journal-corpus.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/init/loader.h"
#include "common/log.h"
#include "init/definitions.h"
#include "init/state.h"
#include "system/memfile.h"

#define OF_DEFINITIONS 0x80u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
need(bool what)
{
	if (!what)
		abort();
}

static void
bytes_of(struct strbuf *b, struct journal *j)
{
	size_t n = (size_t) journal_size(j);

	b->p = malloc(n + 1);
	b->len = n;
	b->cap = n + 1;
	need(b->p != NULL && pread(journal_fd(j), b->p, n, 0) == (ssize_t) n);
}

static void
make(struct heritage *h, const uint8_t *data, size_t size)
{
	struct journal *journal = journal_new(memfile_new("fuzz"), false);
	struct journal *definitions = journal_new(memfile_new("fuzz"), false);

	need(journal != NULL && definitions != NULL);
	while (size >= 3) {
		size_t n = (size_t) data[1] << 8 | data[2];
		struct strbuf b = STRBUF_INIT;

		if (n > size - 3)
			n = size - 3;
		if (n > 0)
			strbuf_addn(&b, data + 3, n);
		need(journal_append((data[0] & OF_DEFINITIONS) != 0 ? definitions : journal,
				    (enum record_kind)(data[0] & ~OF_DEFINITIONS), &b, false, NULL) == 0);
		strbuf_deinit(&b);
		data += 3 + n;
		size -= 3 + n;
	}
	bytes_of(&h->journal, journal);
	bytes_of(&h->definitions, definitions);
	(void) journal_free(journal);
	(void) journal_free(definitions);
}

/* The core of it, written out. */
static void
core_of(const struct rig *rig, struct strbuf *b)
{
	core_save(rig->init.core, b);
	need(!b->failed);
}

static void
check_again(struct rig *rig, const struct heritage *h)
{
	struct heritage next = { .definitions = h->definitions };
	struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
	struct rig again;
	int r;

	if (state_snapshot(&rig->init) < 0)
		return; /* a descriptor that it uses was named in the journal */
	core_of(rig, &first);
	bytes_of(&next.journal, rig->init.state.journal);
	loader_free(rig);
	loader_load(&again, &next, &r);
	need(r == 0);
	core_of(&again, &second);
	need(first.len == second.len && memcmp(first.p, second.p, first.len) == 0);
	loader_free(&again);
	strbuf_deinit(&next.journal);
	strbuf_deinit(&first);
	strbuf_deinit(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct heritage h = { 0 };
	struct rig rig;
	int r;

	if (!ready)
		loader_init();
	ready = true;
	make(&h, data, size);
	loader_load(&rig, &h, &r);
	need((r == 0) == (rig.init.core != NULL));
	if (r == 0)
		check_again(&rig, &h);
	else
		loader_free(&rig);
	heritage_deinit(&h);
	return 0;
}
