/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The way of an input: journal, core, effects. And of an effect: to whoever carries it out, until that is known
 * to be done.
 */

#include "init/init.h"

int must_check brain_init(struct init *init);
void brain_deinit(struct init *init);

/*
 * Journal an input, apply it, hand its effects on. Takes the input's members in any case. Called while another
 * input is at work it waits its turn. 0; or a negative errno: nothing has happened (no memory, no space): what
 * can't be refused must be tried again.
 */
int must_check brain_feed(struct init *init, struct input *in);
/* As brain_feed(), for a servant's message of that number. */
int must_check brain_feed_from(struct init *init, enum servant_id from, uint64_t number, struct input *in);

/* Hand on what could not be handed on before: a servant has come, memory is there again. */
void brain_deliver(struct init *init);
/* Everything in the outbox of that target is to be handed on again. */
void brain_deliver_again(struct init *init, enum effect_target target);

/*
 * In each turn of the loop: make the core anew from the journal after an input for which there was not enough memory. 0: it is
 * sound, or will be tried again; or a negative errno: it can't be had in here.
 */
int must_check brain_mend(struct init *init);
/* At the end of each turn of the loop: acknowledge what was carried out here. */
void brain_turn(struct init *init);
