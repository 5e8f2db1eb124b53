/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * org.freedesktop.DBus.Introspectable: XML made from the tables (control.md section 3).
 */

#include "control/table.h"

void introspect(struct call *call);

/* Append the <interface> element of one interface. */
void introspect_interface(struct strbuf *b, enum interface_id interface);
