/* SPDX-License-Identifier: MIT */
#include "control/sandbox.h"

void
sandbox_enter(bool capabilities)
{
}
