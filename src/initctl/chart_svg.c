/* SPDX-License-Identifier: MIT */
#include "initctl/chart_svg.h"

#include <string.h>

#include "initctl/markup.h"

#define CHAR_WIDTH 7.3 /* of the font at its size, about */
#define NAME_MAX_CHARS 36
#define MARGIN 20.0
#define PLOT_WIDTH 860.0
#define TIMES_WIDTH 84.0
#define ROW_HEIGHT 22.0
#define BAR_HEIGHT 12.0
#define HEAD_HEIGHT 78.0
#define FOOT_HEIGHT 44.0
#define TICKS 8

struct picture {
	FILE *out;
	const struct timeline *t;
	bool all, alone;
	size_t *row; /* owned: of each run; NO_RUN: it is not drawn */
	size_t rows;
	double left, width, height; /* of the plot; of all */
	double span;		    /* seconds */
};

/* What a part of a run's life looks like, and means. */
static const struct {
	const char *class, *text;
} parts[] = {
	{ "wait", "waits" }, { "hook", "pre-start, post-start" }, { "work", "gets ready; a task: works" },
	{ "run", "runs" },   { "stop", "stops" },
};
enum part { PART_WAIT, PART_HOOK, PART_WORK, PART_RUN, PART_STOP };

/* -- measures ------------------------------------------------------------------------- */

static size_t
characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char) *text & 0xc0) != 0x80;
	return n;
}

static double
x_of(const struct picture *p, double seconds)
{
	double at = seconds < 0 ? 0 : seconds > p->span ? p->span : seconds;

	return p->left + (p->span > 0 ? at / p->span : 0) * PLOT_WIDTH;
}

static double
y_of(const struct picture *p, size_t run)
{
	return HEAD_HEIGHT + (double) p->row[run] * ROW_HEIGHT;
}

static double
later(double a, double b)
{
	return a > b ? a : b;
}

static void
measure(struct picture *p)
{
	const struct timeline *t = p->t;
	size_t longest = 4;

	p->row = calloc(t->n + 1, sizeof(*p->row));
	if (p->row == NULL)
		tool_nomem();
	for (size_t i = 0; i < t->n; i++) {
		const struct run *run = &t->runs[i];
		char *name auto_free = run_name(run);

		p->row[i] = NO_RUN;
		if (!p->all && !run->boot && !run->critical)
			continue;
		p->row[i] = p->rows++;
		longest = characters(name) > longest ? characters(name) : longest;
		p->span = later(p->span, later(later(run->asked, run->done), p->all ? run->gone : NEVER));
	}
	if (p->span <= 0)
		p->span = t->now > 0 ? t->now : 1;
	p->span *= 1.02;
	if (longest > NAME_MAX_CHARS)
		longest = NAME_MAX_CHARS;
	p->left = MARGIN + (double) longest * CHAR_WIDTH + 12;
	p->width = p->left + PLOT_WIDTH + TIMES_WIDTH + MARGIN;
	p->height = HEAD_HEIGHT + (double) p->rows * ROW_HEIGHT + FOOT_HEIGHT;
}

/* 1, 2 or 5 times a power of ten, so that there are not too many. */
static double
tick(double span)
{
	static const double steps[] = { 1, 2, 5 };
	double power = 1e-6;

	for (int digits = -6; digits < 12; digits++, power *= 10)
		for (size_t i = 0; i < 3; i++)
			if (span / (steps[i] * power) <= TICKS)
				return steps[i] * power;
	return span;
}

/* -- drawing -------------------------------------------------------------------------------- */

static void
draw_head(const struct picture *p)
{
	if (p->alone)
		(void) fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", p->out);
	(void) fprintf(p->out,
		       "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"%.0f\" height=\"%.0f\" "
		       "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n"
		       "<title>Upstart: what started when</title>\n<style>\n"
		       ".chart text { font: 12px system-ui, sans-serif; fill: #22272e }\n"
		       ".chart .name { font: 12px monospace } .chart .faint { fill: #6a737d }\n"
		       ".chart .big { font-size: 17px; font-weight: 600 }\n"
		       ".chart .paper { fill: #fff } .chart .stripe { fill: #f5f7f9 }\n"
		       ".chart .grid { stroke: #dde2e8 } .chart .startup { stroke: #6a737d; stroke-dasharray: 3 3 }\n"
		       ".chart .wait { fill: #d5dae1 } .chart .hook { fill: #e9a23b } .chart .work { fill: #3d7fdb }\n"
		       ".chart .run { fill: #bfe3c6 } .chart .stop { fill: #a9b1bb }\n"
		       ".chart .bad { fill: #d0342c; font-weight: 600 }\n"
		       ".chart .chain { fill: none; stroke: #d0342c; stroke-width: 2.5; stroke-linejoin: round }\n"
		       ".chart .critical { font-weight: 700 }\n"
		       "@media (prefers-color-scheme: dark) {\n"
		       ".chart text { fill: #e4e7eb } .chart .faint { fill: #98a2ae }\n"
		       ".chart .paper { fill: #16191d } .chart .stripe { fill: #1d2126 }\n"
		       ".chart .grid { stroke: #333a42 } .chart .startup { stroke: #98a2ae }\n"
		       ".chart .wait { fill: #454d57 } .chart .run { fill: #285b36 } .chart .stop { fill: #69737f }\n"
		       ".chart .bad { fill: #ff7b72 } .chart .chain { stroke: #ff7b72 }\n"
		       "}\n</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n",
		       p->width, p->height, p->width, p->height);
}

static void
draw_title(const struct picture *p)
{
	const struct timeline *t = p->t;
	const struct run *last = t->n_chain > 0 ? &t->runs[t->chain[0].run] : NULL;
	char *name auto_free = last != NULL ? run_name(last) : NULL;

	(void) fprintf(p->out, "<text class=\"big\" x=\"%.1f\" y=\"30\">", MARGIN);
	if (last == NULL) {
		(void) fputs("Nothing has started</text>\n", p->out);
		return;
	}
	(void) fprintf(p->out, "%.3f s until ", last->done);
	markup_text(p->out, name);
	(void) fprintf(p->out, last->task ? " was done</text>\n" : " was ready</text>\n");
	(void) fprintf(p->out, "<text class=\"faint\" x=\"%.1f\" y=\"50\">%zu starts; the red line is what that waited for, "
			       "back to ", MARGIN, p->rows);
	markup_text(p->out, t->origin);
	(void) fputs("</text>\n", p->out);
}

static void
draw_axis(const struct picture *p)
{
	double step = tick(p->span), bottom = HEAD_HEIGHT + (double) p->rows * ROW_HEIGHT;
	int digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;

	for (size_t i = 0; i < p->rows; i += 2)
		(void) fprintf(p->out, "<rect class=\"stripe\" x=\"0\" y=\"%.1f\" width=\"100%%\" height=\"%.1f\"/>\n",
			       HEAD_HEIGHT + (double) i * ROW_HEIGHT, ROW_HEIGHT);
	for (int i = 0; i <= TICKS && i * step <= p->span; i++)
		(void) fprintf(p->out,
			       "<path class=\"grid\" d=\"M%.1f %.1f V%.1f\"/><text class=\"faint\" x=\"%.1f\" y=\"%.1f\" "
			       "text-anchor=\"middle\">%.*f s</text>\n",
			       x_of(p, i * step), HEAD_HEIGHT - 4, bottom, x_of(p, i * step), HEAD_HEIGHT - 8, digits,
			       i * step);
	if (p->t->startup >= 0)
		(void) fprintf(p->out, "<path class=\"startup\" d=\"M%.1f %.1f V%.1f\"><title>startup: %.3f s</title></path>\n",
			       x_of(p, p->t->startup), HEAD_HEIGHT - 4, bottom, p->t->startup);
}

static void
draw_part(const struct picture *p, size_t run, enum part part, double from, double to)
{
	double x = x_of(p, from), width = x_of(p, to) - x;

	if (from < 0 || to < from || from > p->span)
		return;
	if (part != PART_RUN && part != PART_STOP && width < 1)
		width = 1; /* short, but it was there */
	if (width > 0)
		(void) fprintf(p->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
			       parts[part].class, x, y_of(p, run) + (ROW_HEIGHT - BAR_HEIGHT) / 2, width, BAR_HEIGHT);
}

/* The first of these that has come; else the end of all. */
static double
first_of(const struct picture *p, double a, double b, double c)
{
	return a >= 0 ? a : b >= 0 ? b : c >= 0 ? c : p->span;
}

static void
draw_bar(const struct picture *p, size_t place)
{
	const struct run *run = &p->t->runs[place];
	double over = first_of(p, run->stopping, run->gone, NEVER);

	draw_part(p, place, PART_WAIT, run->asked, first_of(p, run->begun, run->stopping, run->gone));
	if (run->begun >= 0)
		draw_part(p, place, PART_HOOK, run->begun, first_of(p, run->main, run->stopping, run->gone));
	if (run->main >= 0 && run->task)
		draw_part(p, place, PART_WORK, run->main, over);
	if (run->main >= 0 && !run->task) {
		draw_part(p, place, PART_WORK, run->main, first_of(p, run->main_ready, run->stopping, run->gone));
		if (run->main_ready >= 0 && run->ready > run->main_ready)
			draw_part(p, place, PART_HOOK, run->main_ready, run->ready);
		if (run->ready >= 0)
			draw_part(p, place, PART_RUN, run->ready, over);
	}
	if (run->stopping >= 0)
		draw_part(p, place, PART_STOP, run->stopping, first_of(p, run->gone, NEVER, NEVER));
}

static void
draw_tooltip(const struct picture *p, const struct run *run, const char *name)
{
	char *reason auto_free = run_reason(p->t, run);

	(void) fputs("<title>", p->out);
	markup_text(p->out, name);
	(void) fputs(": ", p->out);
	markup_text(p->out, reason);
	(void) fprintf(p->out, "\nat %.3f s", run->asked);
	if (run->begun > run->asked)
		(void) fprintf(p->out, ", waited %.3f s", run->begun - run->asked);
	if (run->done >= 0)
		(void) fprintf(p->out, ", %s after %.3f s", run->task ? "done" : "ready", run_took(run));
	if (*run->failed != '\0')
		(void) fprintf(p->out, ", failed: %s", run->failed);
	(void) fputs("</title>", p->out);
}

/* As much of a name as there is room for. */
static void
draw_name(const struct picture *p, const char *name)
{
	char *shown auto_free = tool_must(strdup(name));
	size_t n = 0;

	if (characters(name) <= NAME_MAX_CHARS) {
		markup_text(p->out, name);
		return;
	}
	for (char *c = shown; *c; c++) {
		n += ((unsigned char) *c & 0xc0) != 0x80;
		if (n == NAME_MAX_CHARS) {
			*c = '\0';
			break;
		}
	}
	markup_text(p->out, shown);
	(void) fputs("\xe2\x80\xa6", p->out);
}

static void
draw_run(const struct picture *p, size_t place)
{
	const struct run *run = &p->t->runs[place];
	char *name auto_free = run_name(run);
	double y = y_of(p, place) + ROW_HEIGHT / 2 + 4;

	(void) fprintf(p->out, "<g class=\"one\">");
	draw_tooltip(p, run, name);
	(void) fprintf(p->out, "<text class=\"name%s%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
		       run->critical ? " critical" : "", *run->failed != '\0' ? " bad" : "", p->left - 10, y);
	draw_name(p, name);
	(void) fputs("</text>", p->out);
	draw_bar(p, place);
	(void) fprintf(p->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", *run->failed != '\0' ? "bad" : "faint",
		       p->left + PLOT_WIDTH + 8, y);
	if (*run->failed != '\0')
		(void) fputs("failed", p->out);
	else if (run->done >= 0)
		(void) fprintf(p->out, "%.3f s", run_took(run));
	(void) fputs("</text></g>\n", p->out);
}

/* From where it began to its end, along the lower edges of the bars. */
static void
draw_chain(const struct picture *p)
{
	const struct timeline *t = p->t;

	if (t->n_chain == 0)
		return;
	(void) fputs("<path class=\"chain\" d=\"", p->out);
	for (size_t i = t->n_chain; i-- > 0;) {
		const struct step *step = &t->chain[i];
		double y = y_of(p, step->run) + ROW_HEIGHT - 3;

		(void) fprintf(p->out, i + 1 == t->n_chain ? "M%.1f %.1f" : "L%.1f %.1f", x_of(p, step->from), y);
		(void) fprintf(p->out, "L%.1f %.1f", x_of(p, step->to), y);
	}
	(void) fputs("\"/>\n", p->out);
}

static void
draw_legend(const struct picture *p)
{
	double x = p->left, y = p->height - FOOT_HEIGHT / 2 + 6;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		(void) fprintf(p->out,
			       "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"%.1f\"/>"
			       "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			       parts[i].class, x, y - 10, BAR_HEIGHT, x + 20, y, parts[i].text);
		x += 20 + (double) strlen(parts[i].text) * CHAR_WIDTH + 12;
	}
	(void) fprintf(p->out, "<path class=\"chain\" d=\"M%.1f %.1f h22\"/><text x=\"%.1f\" y=\"%.1f\">critical chain</text>\n",
		       x, y - 4, x + 28, y);
}

void
chart_svg_write(FILE *out, const struct timeline *t, bool all, bool alone)
{
	struct picture p = { .out = out, .t = t, .all = all, .alone = alone };

	measure(&p);
	draw_head(&p);
	draw_title(&p);
	draw_axis(&p);
	for (size_t i = 0; i < t->n; i++)
		if (p.row[i] != NO_RUN)
			draw_run(&p, i);
	draw_chain(&p);
	draw_legend(&p);
	(void) fputs("</svg>\n", out);
	free(p.row);
}
