/* SPDX-License-Identifier: MIT */
/*
 * Layers: a thing stands to the right of all that leads to it. Ties that would close a circle, found by a walk in
 * depth, and those that only stop a job don't count. Within a layer a thing stands near the middle of its neighbours; a
 * few sweeps there and back bring most ties out of each other's way.
 */
#include "initctl/svg.h"

#include <string.h>

#include "common/str.h"
#include "initctl/markup.h"
#include "initctl/tool.h"

#define SWEEPS 6
#define CHAR_WIDTH 7.3 /* of the font at its size, about */
#define BOX_PADDING 9.0
#define BOX_HEIGHT 22.0
#define ROW_HEIGHT 34.0
#define LAYER_GAP 90.0
#define MARGIN 20.0
#define LEGEND_HEIGHT 40.0
#define LOOSE_WIDTH_MIN 800.0

struct box {
	bool tied; /* it has to do with something */
	size_t layer;
	double at;   /* the place within the layer, 0 is its middle */
	double wish; /* where it would like to be */
	double x, y, width;
};

struct picture {
	FILE *out;
	const struct relations *r;
	const bool *wanted;
	const enum svg_standing *standing;
	bool alone;
	struct box *boxes;	/* owned: one for each thing */
	bool *back;		/* owned: of each tie: it closes a circle */
	size_t *order;		/* owned: things, those that lead to others first */
	size_t *backward;	/* owned: ties by what they lead to, */
	size_t *backward_first; /* owned: and where those to a thing begin */
	size_t layers;
	double width, height;
};

static bool
is_drawn(const struct picture *p, const struct tie *tie)
{
	return p->wanted[tie->from] && p->wanted[tie->to];
}

/* Does it say where things stand? */
static bool
is_guide(const struct picture *p, size_t tie)
{
	const struct tie *t = &p->r->ties[tie];

	return is_drawn(p, t) && t->kind != TIE_STOP && t->from != t->to && !p->back[tie];
}

/* -- layers ------------------------------------------------------------------------- */

/* Walk in depth from `root`: find circles, and fill `order` from its end. */
static void
walk(struct picture *p, size_t root, char *state, size_t *stack, size_t *next, size_t *left)
{
	enum { UNSEEN, OPEN, DONE };
	size_t n = 0;

	if (state[root] != UNSEEN)
		return;
	state[root] = OPEN;
	next[root] = relations_first(p->r, root);
	stack[n++] = root;
	while (n > 0) {
		size_t thing = stack[n - 1], tie = next[thing]++;

		if (tie >= p->r->n_ties || p->r->ties[tie].from != thing) {
			state[thing] = DONE;
			p->order[--*left] = thing;
			n--;
		} else if (is_guide(p, tie)) {
			size_t to = p->r->ties[tie].to;

			if (state[to] == OPEN) {
				p->back[tie] = true;
			} else if (state[to] == UNSEEN) {
				state[to] = OPEN;
				next[to] = relations_first(p->r, to);
				stack[n++] = to;
			}
		}
	}
}

static void
choose_layers(struct picture *p)
{
	char *state = tool_array(p->r->n, 1);
	size_t *stack = tool_array(p->r->n, sizeof(size_t)), *next = tool_array(p->r->n, sizeof(size_t)), left = p->r->n;

	for (size_t i = p->r->n; i-- > 0;)
		walk(p, i, state, stack, next, &left);
	for (size_t i = 0; i < p->r->n; i++) {
		size_t thing = p->order[i];

		for (size_t t = relations_first(p->r, thing); t < p->r->n_ties && p->r->ties[t].from == thing; t++) {
			struct box *to = &p->boxes[p->r->ties[t].to];

			if (is_guide(p, t) && to->layer <= p->boxes[thing].layer)
				to->layer = p->boxes[thing].layer + 1;
			if (is_drawn(p, &p->r->ties[t]))
				p->boxes[thing].tied = to->tied = true;
		}
	}
	for (size_t i = 0; i < p->r->n; i++)
		if (p->boxes[i].tied && p->boxes[i].layer >= p->layers)
			p->layers = p->boxes[i].layer + 1;
	free(state);
	free(stack);
	free(next);
}

/* -- within layers -------------------------------------------------------------------- */

static void
index_backward(struct picture *p)
{
	size_t sum = 0;

	for (size_t i = 0; i < p->r->n_ties; i++)
		p->backward_first[p->r->ties[i].to]++;
	for (size_t i = 0; i <= p->r->n; i++) {
		size_t n = p->backward_first[i];

		p->backward_first[i] = sum;
		sum += n;
	}
	for (size_t i = 0; i < p->r->n_ties; i++)
		p->backward[p->backward_first[p->r->ties[i].to]++] = i;
	/* Each now stands where the next begins. */
	memmove(p->backward_first + 1, p->backward_first, p->r->n * sizeof(size_t));
	p->backward_first[0] = 0;
}

/* The middle of what leads here, or of what this leads to. */
static void
wish(struct picture *p, size_t thing, bool forward)
{
	struct box *box = &p->boxes[thing];
	double sum = 0;
	size_t n = 0;

	if (forward) {
		for (size_t i = p->backward_first[thing]; i < p->backward_first[thing + 1]; i++) {
			if (is_guide(p, p->backward[i])) {
				sum += p->boxes[p->r->ties[p->backward[i]].from].at;
				n++;
			}
		}
	} else {
		for (size_t i = relations_first(p->r, thing); i < p->r->n_ties && p->r->ties[i].from == thing; i++) {
			if (is_guide(p, i)) {
				sum += p->boxes[p->r->ties[i].to].at;
				n++;
			}
		}
	}
	box->wish = n > 0 ? sum / (double) n : box->at;
}

struct place {
	const struct box *box;
	size_t thing;
};

static int
compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->box->layer != y->box->layer)
		return x->box->layer < y->box->layer ? -1 : 1;
	if (x->box->wish < y->box->wish || x->box->wish > y->box->wish)
		return x->box->wish < y->box->wish ? -1 : 1;
	return x->thing < y->thing ? -1 : x->thing > y->thing;
}

/* Where the layer that begins at `from` ends. */
static size_t
layer_end(const struct place *places, size_t from, size_t n)
{
	size_t to = from;

	while (to < n && places[to].box->layer == places[from].box->layer)
		to++;
	return to;
}

/* Put one layer in the order of wishes, around its middle. */
static void
settle(struct picture *p, struct place *places, size_t n)
{
	qsort(places, n, sizeof(*places), compare_places);
	for (size_t i = 0; i < n; i++)
		p->boxes[places[i].thing].at = (double) i - (double) (n - 1) / 2;
}

static void
sweep(struct picture *p, struct place *places, size_t n, bool forward)
{
	for (size_t from = forward ? 0 : n; forward ? from < n : from > 0;) {
		size_t begin = from, end = from;

		if (forward) {
			end = layer_end(places, from, n);
		} else {
			begin = end - 1;
			while (begin > 0 && places[begin - 1].box->layer == places[end - 1].box->layer)
				begin--;
		}
		for (size_t i = begin; i < end; i++)
			wish(p, places[i].thing, forward);
		settle(p, places + begin, end - begin);
		from = forward ? end : begin;
	}
}

/* All that is tied, by layer, in its last order. *n: how many; the caller's. */
static struct place *
choose_places(struct picture *p, size_t *n)
{
	struct place *places = tool_array(p->r->n, sizeof(*places));

	*n = 0;
	for (size_t i = 0; i < p->r->n; i++)
		if (p->boxes[i].tied)
			places[(*n)++] = (struct place){ &p->boxes[i], i };
	if (*n > 0)
		qsort(places, *n, sizeof(*places), compare_places);
	for (size_t from = 0, to; from < *n; from = to) {
		to = layer_end(places, from, *n);
		settle(p, places + from, to - from);
	}
	for (int i = 0; i < SWEEPS; i++)
		sweep(p, places, *n, i % 2 == 0);
	return places;
}

/* -- measures ---------------------------------------------------------------------------- */

static double
text_width(const char *name)
{
	struct strbuf visible auto_strbuf = STRBUF_INIT;
	size_t n = 0;

	tool_add_visible(&visible, name);
	for (const char *c = visible.p; c && *c; c++)
		n += ((unsigned char) *c & 0xc0) != 0x80; /* the first byte of a character */
	return (double) n * CHAR_WIDTH + 2 * BOX_PADDING;
}

static void
measure(struct picture *p)
{
	size_t n, rows = 0;
	struct place *places = choose_places(p, &n);
	double x = MARGIN, loose;

	for (size_t from = 0, to; from < n; from = to) {
		to = layer_end(places, from, n);
		rows = to - from > rows ? to - from : rows;
	}
	p->height = MARGIN + (double) rows * ROW_HEIGHT;
	for (size_t from = 0, to; from < n; from = to) {
		double width = 0;

		to = layer_end(places, from, n);
		for (size_t i = from; i < to; i++) {
			struct box *box = &p->boxes[places[i].thing];

			box->x = x;
			box->y = MARGIN + ((double) rows / 2 + box->at) * ROW_HEIGHT - BOX_HEIGHT / 2;
			width = box->width > width ? box->width : width;
		}
		x += width + LAYER_GAP;
	}
	p->width = n > 0 ? x - LAYER_GAP + MARGIN : 0;
	loose = p->width > LOOSE_WIDTH_MIN ? p->width : LOOSE_WIDTH_MIN;
	x = MARGIN;
	for (size_t i = 0; i < p->r->n; i++) {
		struct box *box = &p->boxes[i];

		if (!p->wanted[i] || box->tied)
			continue;
		if (x > MARGIN && x + box->width + MARGIN > loose) {
			x = MARGIN;
			p->height += ROW_HEIGHT;
		}
		box->x = x;
		box->y = p->height;
		x += box->width + MARGIN;
		p->width = x > p->width ? x : p->width;
	}
	p->height += (x > MARGIN ? ROW_HEIGHT : 0) + LEGEND_HEIGHT;
	p->width = p->width > LOOSE_WIDTH_MIN ? p->width : LOOSE_WIDTH_MIN;
	free(places);
}

/* -- drawing --------------------------------------------------------------------------------- */

static const struct {
	const char *class, *colour, *text;
} ties[TIE_KIND_COUNT] = {
	[TIE_START] = { "start", "#3d7fdb", "start on" },
	[TIE_STOP] = { "stop", "#d0493b", "stop on" },
	[TIE_WHILE] = { "while", "#a35fc4", "while" },
	[TIE_EMITS] = { "emits", "#2f9e60", "emits" },
};

static void
draw_head(const struct picture *p)
{
	if (p->alone)
		(void) fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", p->out);
	(void) fprintf(
	    p->out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" width=\"%.0f\" height=\"%.0f\" "
	    "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n"
	    "<title>Upstart: what starts what</title>\n"
	    "<style>\n"
	    ".graph text { font: 12px monospace; fill: #222 }\n"
	    ".graph rect { stroke: #777; fill: #eee }\n"
	    ".graph .paper { fill: #fff; stroke: none }\n"
	    ".graph .event rect { fill: #e6d5e6 } .graph .state rect { fill: #d3e2f7 }\n"
	    ".graph .up rect { fill: #cdebcd } .graph .moving rect { fill: #fdeeb5 }\n"
	    ".graph path { fill: none; stroke-width: 1.2 }\n"
	    "@media (prefers-color-scheme: dark) {\n"
	    ".graph text { fill: #e4e7eb }\n"
	    ".graph rect { stroke: #8a939e; fill: #33393f }\n"
	    ".graph .paper { fill: #16191d }\n"
	    ".graph .event rect { fill: #4d3a52 } .graph .state rect { fill: #2b405e }\n"
	    ".graph .up rect { fill: #245230 } .graph .moving rect { fill: #63531b }\n"
	    "}\n",
	    p->width, p->height, p->width, p->height);
	for (size_t i = 0; i < TIE_KIND_COUNT; i++)
		(void) fprintf(p->out, ".graph .%s { stroke: %s%s }\n", ties[i].class, ties[i].colour,
			       i == TIE_STOP ? "; stroke-dasharray: 4 3" : "");
	(void) fputs("</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n<defs>\n",
		     p->out);
	for (size_t i = 0; i < TIE_KIND_COUNT; i++)
		(void) fprintf(
		    p->out,
		    "<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
		    "orient=\"auto\"><polygon points=\"0,0 8,4 0,8\" fill=\"%s\"/></marker>\n",
		    ties[i].class, ties[i].colour);
	(void) fputs("</defs>\n", p->out);
}

static void
draw_tie(const struct picture *p, const struct tie *tie)
{
	const struct box *from = &p->boxes[tie->from], *to = &p->boxes[tie->to];
	double x1 = from->x + from->width, y1 = from->y + BOX_HEIGHT / 2, x2 = to->x, y2 = to->y + BOX_HEIGHT / 2;
	double bend = x2 > x1 ? (x2 - x1) / 2 : LAYER_GAP;

	(void) fprintf(
	    p->out,
	    "<path class=\"%s\" marker-end=\"url(#%s)\" d=\"M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f\"><title>",
	    ties[tie->kind].class, ties[tie->kind].class, x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2);
	markup_text(p->out, p->r->things[tie->kind == TIE_EMITS ? tie->from : tie->to].name);
	(void) fprintf(p->out, ": %s ", ties[tie->kind].text);
	markup_text(p->out, tie->kind == TIE_EMITS ? p->r->things[tie->to].name : tie->how);
	(void) fputs("</title></path>\n", p->out);
}

static void
draw_box(const struct picture *p, size_t place)
{
	static const char *const standings[] = {
		[SVG_PLAIN] = "", [SVG_UP] = " up", [SVG_MOVING] = " moving", [SVG_DOWN] = " down"
	};
	const struct thing *thing = &p->r->things[place];
	const struct box *box = &p->boxes[place];

	(void) fprintf(p->out,
		       "<g class=\"%s%s\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\"/>"
		       "<text x=\"%.1f\" y=\"%.1f\">",
		       relations_kind(thing->kind), standings[p->standing[place]], box->x, box->y, box->width,
		       BOX_HEIGHT, thing->kind == THING_JOB ? 3 : 11, box->x + BOX_PADDING,
		       box->y + BOX_HEIGHT / 2 + 4);
	markup_text(p->out, thing->name);
	(void) fputs("</text>", p->out);
	if (thing->job && *thing->job->description) {
		(void) fputs("<title>", p->out);
		markup_text(p->out, thing->job->description);
		(void) fputs("</title>", p->out);
	}
	(void) fputs("</g>\n", p->out);
}

static void
draw_legend(const struct picture *p)
{
	double x = MARGIN, y = p->height - MARGIN / 2;

	for (size_t i = 0; i < TIE_KIND_COUNT; i++) {
		(void) fprintf(p->out,
			       "<path class=\"%s\" marker-end=\"url(#%s)\" d=\"M%.1f %.1f h30\"/><text x=\"%.1f\" "
			       "y=\"%.1f\">%s</text>\n",
			       ties[i].class, ties[i].class, x, y - 4, x + 36, y, ties[i].text);
		x += 36 + text_width(ties[i].text) + MARGIN;
	}
}

void
svg_write(FILE *out, const struct relations *relations, const bool *wanted, const enum svg_standing *standing, bool alone)
{
	struct picture p = { .out = out, .r = relations, .wanted = wanted, .standing = standing, .alone = alone };

	p.boxes = tool_array(relations->n, sizeof(*p.boxes));
	p.back = tool_array(relations->n_ties, sizeof(*p.back));
	p.order = tool_array(relations->n, sizeof(*p.order));
	p.backward = tool_array(relations->n_ties, sizeof(*p.backward));
	p.backward_first = tool_array(relations->n + 1, sizeof(*p.backward_first));
	for (size_t i = 0; i < relations->n; i++)
		p.boxes[i].width = text_width(relations->things[i].name);
	choose_layers(&p);
	index_backward(&p);
	measure(&p);
	draw_head(&p);
	for (size_t i = 0; i < relations->n_ties; i++)
		if (is_drawn(&p, &relations->ties[i]))
			draw_tie(&p, &relations->ties[i]);
	for (size_t i = 0; i < relations->n; i++)
		if (wanted[i])
			draw_box(&p, i);
	draw_legend(&p);
	(void) fputs("</svg>\n", out);
	free(p.boxes);
	free(p.back);
	free(p.order);
	free(p.backward);
	free(p.backward_first);
}
