/* SPDX-License-Identifier: MIT */
#include "initctl/report_html.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "initctl/chart_svg.h"
#include "initctl/markup.h"

/* Nothing is loaded and nothing runs, whatever a name may hold. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #22272e; --faint: #5f6873; --page: #f3f5f8; --paper: #fff;\n"
    "  --line: #dde2e8; --good: #1f7a3a; --bad: #c0281f; --worry: #8a5a00;\n"
    "  --log: #f5f7f9 }\n"
    "@media (prefers-color-scheme: dark) { :root {\n"
    "  --ink: #e4e7eb; --faint: #98a2ae; --page: #0e1013; --paper: #16191d;\n"
    "  --line: #2b3138; --good: #6fd08c; --bad: #ff7b72; --worry: #e9b949;\n"
    "  --log: #0e1013 } }\n"
    "* { box-sizing: border-box }\n"
    "body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }\n"
    "header, main { max-width: 1320px; margin: 0 auto; padding: 0 24px }\n"
    "header { padding-top: 28px }\n"
    "h1 { margin: 0; font-size: 26px; line-height: 1.25; overflow-wrap: anywhere }\n"
    "h2 { margin: 36px 0 10px; font-size: 18px }\n"
    "h3 { margin: 0; font: 600 15px monospace; overflow-wrap: anywhere }\n"
    "p { margin: 4px 0 } .faint { color: var(--faint) } .good { color: var(--good) } .bad { color: var(--bad) }\n"
    ".worry { color: var(--worry) } code { font-family: monospace; overflow-wrap: anywhere }\n"
    ".facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr));\n"
    "  gap: 12px; margin: 20px 0 0 }\n"
    ".facts div, article, figure, table { background: var(--paper);\n"
    "  border: 1px solid var(--line); border-radius: 8px }\n"
    ".facts div { padding: 10px 16px } .facts dt { color: var(--faint); font-size: 13px }\n"
    ".facts dd { margin: 0; font-size: 22px; font-weight: 600; overflow-wrap: anywhere }\n"
    "article { padding: 12px 16px; margin: 0 0 12px; border-left: 4px solid var(--bad) }\n"
    "article.over { border-left-color: var(--good) }\n"
    "article.worry { color: inherit; border-left-color: var(--worry) }\n"
    /* One that is too long is seen from its end. */
    "pre { display: flex; flex-direction: column-reverse; margin: 10px 0 2px; padding: 10px 12px;\n"
    "  max-height: 420px; overflow: auto; background: var(--log);\n"
    "  border-radius: 6px; font: 13px/1.45 monospace; white-space: pre-wrap; overflow-wrap: anywhere }\n"
    "figure { margin: 0; padding: 6px; overflow: auto; max-height: 90vh }\n"
    "figure svg { display: block } figure svg.chart { width: 100%; min-width: 900px; height: auto }\n"
    "table { border-collapse: separate; border-spacing: 0; padding: 6px 16px }\n"
    "th, td { padding: 4px 24px 4px 0; text-align: left; vertical-align: top; overflow-wrap: anywhere }\n"
    "th { color: var(--faint); font-weight: 400 }\n"
    "footer { max-width: 1320px; margin: 0 auto; padding: 28px 24px; color: var(--faint); font-size: 13px }\n"
    "@media print { body { background: none } figure, pre { max-height: none } article { break-inside: avoid } }\n"
    "</style>\n";

/* A name in a line of text. */
static void
put_code(FILE *out, const char *text)
{
	(void) fputs("<code>", out);
	markup_text(out, text);
	(void) fputs("</code>", out);
}

static void
put_time(FILE *out, double at)
{
	time_t seconds = (time_t) at;
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	(void) fputs(text, out);
}

static void
put_plural(FILE *out, size_t n, const char *what)
{
	(void) fprintf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

/* -- what there is to say at once ------------------------------------------------------- */

/* How many of those that failed have not come back. */
static size_t
count_down(const struct report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_failures; i++)
		n += r->failures[i].later == NULL;
	return n;
}

static void
put_verdict(FILE *out, const struct report *r)
{
	size_t down = count_down(r);

	if (down == 0 && r->n_quarantined == 0 && *r->degraded == '\0') {
		(void) fputs("<p class=\"good\">Nothing is wrong.</p>\n", out);
		return;
	}
	(void) fputs("<p class=\"bad\">", out);
	if (down > 0)
		put_plural(out, down, "job");
	if (down > 0)
		(void) fputs(" failed. ", out);
	if (r->n_quarantined > 0)
		(void) fprintf(out, "%zu in quarantine. ", r->n_quarantined);
	if (*r->degraded != '\0')
		(void) fputs("init is degraded.", out);
	(void) fputs("</p>\n", out);
}

static void
put_fact(FILE *out, const char *name, const char *class, const char *fmt, ...) printf_like(4, 5);

static void
put_fact(FILE *out, const char *name, const char *class, const char *fmt, ...)
{
	va_list args;

	(void) fprintf(out, "<div><dt>%s</dt><dd class=\"%s\">", name, class);
	va_start(args, fmt);
	(void) vfprintf(out, fmt, args);
	va_end(args);
	(void) fputs("</dd></div>\n", out);
}

static void
put_facts(FILE *out, const struct report *r)
{
	const struct timeline *t = &r->timeline;
	size_t down = count_down(r);

	(void) fputs("<dl class=\"facts\">\n", out);
	put_fact(out, "jobs", "plain", "%zu", r->definitions.n);
	put_fact(out, "jobs that run", "plain", "%zu", r->n_up);
	put_fact(out, "failed", down > 0 ? "bad" : "good", "%zu", down);
	put_fact(out, "in quarantine", r->n_quarantined > 0 ? "bad" : "good", "%zu", r->n_quarantined);
	if (t->end >= 0)
		put_fact(out, r->user ? "until all was up" : "boot", "plain", "%.3f s", t->end);
	put_fact(out, "init", *r->degraded != '\0' ? "bad" : "good", "%s", *r->degraded != '\0' ? "degraded" : "well");
	(void) fputs("</dl>\n", out);
}

static void
put_head(FILE *out, const struct report *r, double now)
{
	(void) fputs(head, out);
	(void) fputs("<title>Upstart report: ", out);
	markup_text(out, r->machine.nodename);
	(void) fputs("</title>\n", out);
	(void) fputs(style, out);
	(void) fputs("</head>\n<body>\n<header>\n<h1>", out);
	markup_text(out, r->machine.nodename);
	(void) fputs(r->user ? ": report of a session</h1>\n<p class=\"faint\">" : "</h1>\n<p class=\"faint\">", out);
	put_time(out, now);
	(void) fputs("; init began ", out);
	put_time(out, now - r->timeline.now);
	(void) fputs("</p>\n", out);
	put_verdict(out, r);
	put_facts(out, r);
	(void) fputs("</header>\n<main>\n", out);
}

/* -- what is wrong ------------------------------------------------------------------------ */

static void
put_failure(FILE *out, const struct failure *f)
{
	char *name auto_free = run_name(f->run);

	(void) fprintf(out, "<article class=\"failed%s\">\n<h3>", f->later ? " over" : "");
	markup_text(out, name);
	(void) fputs("</h3>\n<p>", out);
	if (strcmp(f->run->failed, "respawn") == 0) {
		(void) fputs("It ended again and again, and was given up", out);
	} else {
		(void) fputs("Its ", out);
		markup_text(out, f->run->failed);
		(void) fputs(" process failed", out);
	}
	(void) fprintf(out, "; it was started at %.3f s", f->run->asked);
	if (f->times > 1)
		(void) fprintf(out, ", and has failed %zu times", f->times);
	(void) fputs(".", out);
	if (f->later)
		(void) fprintf(out, " <span class=\"good\">Started again at %.3f s, it has not failed.</span>", f->later->asked);
	(void) fputs("</p>\n", out);
	if (f->why_none) {
		(void) fputs("<p class=\"faint\">", out);
		markup_text(out, f->why_none);
		(void) fputs("</p>\n", out);
	} else {
		(void) fputs("<p class=\"faint\">The end of ", out);
		put_code(out, f->path);
		(void) fputs(":</p>\n<pre><code>", out);
		markup_lines(out, (struct span){ f->log.p ? f->log.p : "", f->log.len });
		(void) fputs("</code></pre>\n", out);
	}
	(void) fputs("</article>\n", out);
}

static void
put_quarantine(FILE *out, const char *job, const struct upstart_instance *one)
{
	(void) fputs("<article class=\"worry\">\n<h3>", out);
	markup_text(out, job);
	if (*one->name != '\0') {
		(void) fputs(" (", out);
		markup_text(out, one->name);
		(void) fputs(")", out);
	}
	(void) fputs("</h3>\n<p>In quarantine until <code>initctl reset</code>: ", out);
	markup_text(out, one->quarantine);
	(void) fputs("</p>\n</article>\n", out);
}

static void
put_wrong(FILE *out, const struct report *r)
{
	if (*r->degraded != '\0') {
		(void) fputs("<section id=\"degraded\">\n<h2>init is degraded</h2>\n<article class=\"worry\"><p>", out);
		markup_text(out, r->degraded);
		(void) fputs("</p></article>\n</section>\n", out);
	}
	if (r->n_quarantined > 0) {
		(void) fputs("<section id=\"quarantine\">\n<h2>In quarantine</h2>\n", out);
		for (size_t i = 0; i < r->definitions.n; i++)
			for (size_t k = 0; k < r->instances[i].n; k++)
				if (is_quarantined(r->instances[i].p[k]))
					put_quarantine(out, r->definitions.job[i]->name, r->instances[i].p[k]);
		(void) fputs("</section>\n", out);
	}
	(void) fputs("<section id=\"failed\">\n<h2>What failed</h2>\n", out);
	for (size_t i = 0; i < r->n_failures; i++)
		put_failure(out, &r->failures[i]);
	if (r->n_failures == 0)
		(void) fputs("<p class=\"faint\">Nothing has.</p>\n", out);
	(void) fputs("</section>\n", out);
}

/* -- pictures and the rest ------------------------------------------------------------------- */

static void
put_pictures(FILE *out, const struct report *r)
{
	(void) fputs("<section id=\"chart\">\n<h2>What started when</h2>\n<figure>\n", out);
	chart_svg_write(out, &r->timeline, false, false);
	(void) fputs("</figure>\n</section>\n<section id=\"graph\">\n<h2>What starts what</h2>\n"
		     "<p class=\"faint\">Green jobs run, yellow ones are on their way.</p>\n<figure>\n", out);
	svg_write(out, &r->relations, r->wanted, r->standing, false);
	(void) fputs("</figure>\n</section>\n", out);
}

static void
put_row(FILE *out, const char *name, const char *text)
{
	(void) fprintf(out, "<tr><th scope=\"row\">%s</th><td>", name);
	markup_text(out, text);
	(void) fputs("</td></tr>\n", out);
}

static void
put_versions(FILE *out, const struct report *r)
{
	(void) fputs("<section id=\"versions\">\n<h2>Versions</h2>\n<table>\n", out);
	put_row(out, "init", r->version);
	put_row(out, "initctl", UPSTART_VERSION);
	(void) fprintf(out, "<tr><th scope=\"row\">kernel</th><td>");
	markup_text(out, r->machine.sysname);
	(void) fputs(" ", out);
	markup_text(out, r->machine.release);
	(void) fputs(" ", out);
	markup_text(out, r->machine.machine);
	(void) fputs("</td></tr>\n</table>\n</section>\n", out);
}

void
report_html_write(FILE *out, const struct report *r)
{
	put_head(out, r, (double) time(NULL));
	put_wrong(out, r);
	put_pictures(out, r);
	put_versions(out, r);
	(void) fputs("</main>\n<footer>Made by <code>initctl report --html</code>.</footer>\n</body>\n</html>\n", out);
}
