/* SPDX-License-Identifier: MIT */
/*
 * initctl chart: what started when, and what the end of it waited for. init knows; the picture is made here.
 */
#include <langinfo.h>
#include <string.h>

#include "initctl/chart_svg.h"
#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/timeline.h"
#include "initctl/why.h"

#define NAME_MAX_COLUMNS 28
#define BAR_MIN 20

/* -- as text ----------------------------------------------------------------------- */

struct glyphs {
	const char *wait, *hook, *work, *run, *none;
};

static const struct glyphs plain = { ".", "%", "#", "-", " " };
static const struct glyphs boxes = { "░", "▒", "█", "─", " " };

struct text {
	const struct timeline *t;
	const struct glyphs *glyphs;
	bool all;
	struct strbuf b;
	int names, bar; /* columns */
	double span;
};

static bool
is_shown(const struct text *x, const struct run *run)
{
	return x->all || run->boot || run->critical;
}

/* What the run is at then. */
static const char *
glyph_at(const struct text *x, const struct run *run, double at)
{
	double over = run->stopping >= 0 ? run->stopping : run->gone >= 0 ? run->gone : x->t->now;

	if (at < run->asked || (run->gone >= 0 ? at > run->gone : at > x->t->now))
		return x->glyphs->none;
	if (run->begun < 0 || at < run->begun)
		return x->glyphs->wait;
	if (run->main < 0 || at < run->main)
		return x->glyphs->hook;
	if (run->task)
		return at <= over ? x->glyphs->work : x->glyphs->wait;
	if (run->main_ready < 0 || at < run->main_ready)
		return x->glyphs->work;
	if (run->ready < 0 || at < run->ready)
		return x->glyphs->hook;
	return at <= over ? x->glyphs->run : x->glyphs->wait;
}

static void
add_columns(struct strbuf *b, const char *text, int columns)
{
	int n = 0;

	for (const char *c = text; *c && n < columns; c++) {
		if (((unsigned char) c[1] & 0xc0) != 0x80)
			n++;
		strbuf_addc(b, *c);
	}
	for (; n < columns; n++)
		strbuf_addc(b, ' ');
}

static void
add_run(struct text *x, const struct run *run)
{
	char *name auto_free = run_name(run);
	double step = x->span / x->bar;

	strbuf_addf(&x->b, "%9.3f ", run->asked);
	if (run->done >= 0)
		strbuf_addf(&x->b, "%9.3f ", run_took(run));
	else
		strbuf_addf(&x->b, "%9s ", *run->failed != '\0' ? _("failed") : "-");
	strbuf_addc(&x->b, run->critical ? '*' : ' ');
	add_columns(&x->b, name, x->names);
	strbuf_add(&x->b, " |");
	for (int i = 0; i < x->bar; i++) {
		double from = i * step, to = from + step;
		/* What is shorter than a column is shown in its first. */
		bool begins = run->asked >= from && run->asked < to;

		strbuf_add(&x->b, glyph_at(x, run, begins ? (run->main >= 0 && run->main < to ? run->main : run->asked) : from));
	}
	strbuf_add(&x->b, "|\n");
}

static void
add_bars(struct text *x)
{
	size_t shown = 0;

	for (size_t i = 0; i < x->t->n; i++) {
		const struct run *run = &x->t->runs[i];
		char *name auto_free = run_name(run);
		int length = (int) strnlen(name, NAME_MAX_COLUMNS);

		if (!is_shown(x, run))
			continue;
		shown++;
		x->names = length > x->names ? length : x->names;
		x->span = run->done > x->span ? run->done : x->span;
		x->span = run->asked > x->span ? run->asked : x->span;
	}
	x->span = x->span > 0 ? x->span * 1.001 : 1;
	x->bar = tool_width() - 1 - x->names - 24;
	x->bar = x->bar < BAR_MIN ? BAR_MIN : x->bar;
	strbuf_addf(&x->b, _("       at      took  %-*s  0 s%*.3f s\n"), x->names, _("job"), x->bar - 5, x->span);
	for (size_t i = 0; i < x->t->n; i++)
		if (is_shown(x, &x->t->runs[i]))
			add_run(x, &x->t->runs[i]);
	strbuf_addf(&x->b, _("  %s waits   %s pre-start, post-start   %s gets ready, or works   %s runs   * critical chain\n"),
		    x->glyphs->wait, x->glyphs->hook, x->glyphs->work, x->glyphs->run);
	if (x->t->dropped > 0)
		strbuf_addf(&x->b, _("%lld later starts are no longer known.\n"), x->t->dropped);
	if (!x->all && shown < x->t->n)
		strbuf_addf(&x->b, _("%zu later starts: --all shows them.\n"), x->t->n - shown);
}

static void
add_chain(struct text *x)
{
	const struct timeline *t = x->t;
	const struct run *last = &t->runs[t->chain[0].run];
	char *name auto_free = run_name(last);

	strbuf_addf(&x->b, last->task ? _("%s was done after %.3f s, for which it took:\n")
				      : _("%s was ready after %.3f s, for which it took:\n"), name, last->done);
	for (size_t i = t->n_chain; i-- > 0;) {
		const struct step *step = &t->chain[i];
		const struct run *run = &t->runs[step->run];
		char *who auto_free = run_name(run), *reason auto_free = run_reason(t, run);

		strbuf_addf(&x->b, "%9.3f +%.3f s  %s  [", step->from, step->to - step->from, who);
		strbuf_addf(&x->b, _("%s]\n"), reason);
	}
	strbuf_addc(&x->b, '\n');
}

static int
show_text(const struct initctl *ctl, const struct timeline *t)
{
	bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	struct text x = { .t = t, .glyphs = utf8 ? &boxes : &plain, .all = ctl->all, .names = 3 };

	if (t->n_chain > 0)
		add_chain(&x);
	add_bars(&x);
	if (x.b.failed)
		tool_nomem();
	tool_print(&ctl->tool, "%s", x.b.p);
	strbuf_deinit(&x.b);
	return EXIT_SUCCESS;
}

/* -- who took longest ------------------------------------------------------------------ */

struct blamed {
	const struct run *run;
};

static int
compare_took(const void *a, const void *b)
{
	const struct run *x = ((const struct blamed *) a)->run, *y = ((const struct blamed *) b)->run;
	double p = x->done - x->begun, q = y->done - y->begun;

	if (p > q || p < q)
		return p > q ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* What each took for itself: not what it waited for others. */
static int
show_blame(const struct initctl *ctl, const struct timeline *t)
{
	struct blamed *list auto_free = tool_array(t->n, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->runs[i].done >= 0 && t->runs[i].begun >= 0 && (ctl->all || t->runs[i].boot))
			list[n++].run = &t->runs[i];
	qsort(list, n, sizeof(*list), compare_took);
	for (size_t i = 0; i < n; i++) {
		const struct run *run = list[i].run;
		char *name auto_free = run_name(run);

		tool_print(&ctl->tool, "%9.3f s  %s\n", run->done - run->begun, name);
	}
	return EXIT_SUCCESS;
}

/* -- for others ------------------------------------------------------------------------- */

static int
show_svg(const struct initctl *ctl, const struct timeline *t)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = tool_open_text(&text, &size);

	chart_svg_write(out, t, ctl->all, true);
	if (fclose(out) != 0)
		tool_nomem();
	tool_print(&ctl->tool, "%s", text);
	free(text);
	return EXIT_SUCCESS;
}

/* What init says, whole, and what it comes to. */
static int
show_json(const struct initctl *ctl, const struct timeline *t)
{
	json_t *root = json_incref(t->root), *chain = json_array(), *run;
	size_t i;

	json_array_foreach(json_object_get(root, "runs"), i, run)
	{
		json_put(run, "boot", json_boolean(t->runs[i].boot));
		json_put(run, "critical", json_boolean(t->runs[i].critical));
	}
	for (i = t->n_chain; i-- > 0;) {
		json_t *step = json_object();

		json_put(step, "run", json_integer(t->runs[t->chain[i].run].id));
		json_put(step, "from", json_real(t->chain[i].from));
		json_put(step, "to", json_real(t->chain[i].to));
		if (json_array_append_new(chain, step) < 0)
			tool_nomem();
	}
	json_put(root, "origin", json_text(t->n_chain > 0 ? t->origin : NULL));
	json_put(root, "chain", chain);
	return json_show(&ctl->tool, root);
}

/* False: there is no such job, which has been said. */
static bool
is_known(struct initctl *ctl, const char *job)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	char *path auto_free = NULL;

	if (upstart_get_job(ctl->upstart, job, &path, &err) == 0)
		return true;
	(void) initctl_failed(ctl, &err);
	why_unknown_job(ctl, job);
	return false;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct timeline t auto_timeline = TIMELINE_INIT;

	if (initctl_connect(ctl) != EXIT_SUCCESS || timeline_read(&t, ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!timeline_chain(&t, operands[0], ctl->all) && operands[0]) {
		if (!is_known(ctl, operands[0]))
			return EXIT_FAILURE;
		tool_error(&ctl->tool, _("No start of %s is known that came to its end"), operands[0]);
		return EXIT_FAILURE;
	}
	if (ctl->json)
		return show_json(ctl, &t);
	if (ctl->svg)
		return show_svg(ctl, &t);
	return ctl->blame ? show_blame(ctl, &t) : show_text(ctl, &t);
}

static const struct option_spec options[] = {
	{ 0, "all", NULL, N_("also show what started after the boot"), OPTION_FLAG, offsetof(struct initctl, all) },
	{ 0, "blame", NULL, N_("list what took longest for itself, longest first"), OPTION_FLAG,
	  offsetof(struct initctl, blame) },
	{ 0, "svg", NULL, N_("draw it, as SVG"), OPTION_FLAG, offsetof(struct initctl, svg) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_chart = {
	.name = "chart",
	.group = GROUP_OTHER,
	.operands = "[JOB]",
	.summary = N_("Show what started when, and what that waited for."),
	.help = N_("Of the boot, or the beginning of the session: all that started until nothing was on its way for ten "
		   "seconds. First stands the critical chain: what the last of these, or JOB, waited for, back to what "
		   "set it off."),
	.options = options,
	.run = run,
};
